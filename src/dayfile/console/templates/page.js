// As the server sent it: what is shown is prepared further.
const sent = new Map([...document.querySelectorAll("[data-live]")].map((live) => [live.id, live.innerHTML]));
setInterval(async () => {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.status === 401) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      // Whoever is in it with the keyboard stays there.
      if (!fresh || sent.get(old.id) === fresh.innerHTML || old.contains(document.activeElement)) continue;
      sent.set(old.id, fresh.innerHTML);
      old.replaceWith(fresh);
    }
    document.body.classList.remove("away");
  } catch {
    document.body.classList.add("away");
  }
}, 3000);
