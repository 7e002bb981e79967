const localTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
function prepare(root) {
  for (const time of root.querySelectorAll("time")) {
    time.title = `${localTime.format(new Date(time.dateTime))} where you are`;
  }
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
  }
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button.dataset.copy, button, "Done"); // the function is that of the buttons beside code
});
prepare(document);
for (const live of document.querySelectorAll("[data-live]")) {
  new MutationObserver(() => prepare(document)).observe(live.parentNode, { childList: true, subtree: true });
}
// A form is sent once, however often its button is pressed; one that downloads may be sent again.
document.addEventListener("submit", (event) => {
  if (event.target.method !== "post") return;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});
