const filter = document.querySelector(".filter input");
const found = document.getElementById("found");
const contents = document.querySelector(".contents");
const families = [...document.querySelectorAll(".body > section[id]")];
const parts = [...document.querySelectorAll(".body article, #errors .members > div")];
const texts = new Map(parts.map((part) => [part, part.textContent.toLowerCase()]));
const links = [...contents.querySelectorAll("a")];
const isWide = matchMedia("(min-width: 52.01rem)");
const target = (link) => document.getElementById(link.hash.slice(1));

// What is shown has every word of the filter; of a family, a part is shown or nothing.
function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const part of parts) part.hidden = !words.every((word) => texts.get(part).includes(word));
  for (const family of families) family.hidden = parts.every((part) => part.hidden || !family.contains(part));
  document.querySelector(".intro").hidden = words.length > 0;
  for (const link of links) link.parentNode.hidden = target(link).hidden;
  const count = parts.filter((part) => !part.hidden).length;
  found.textContent = words.length ? `${count || "Nothing"} of ${parts.length} found` : "";
  mark();
}

// The current part is the last one that begins in the upper third of the window.
function mark() {
  const current = links.findLast((link) => {
    const one = target(link);
    return !one.hidden && one.getBoundingClientRect().top < innerHeight / 3;
  });
  if (current?.hasAttribute("aria-current")) return;
  contents.querySelector("[aria-current]")?.removeAttribute("aria-current");
  if (!current) return;
  current.setAttribute("aria-current", "true");
  const { top, bottom } = current.getBoundingClientRect();
  if (isWide.matches && (top < 0 || bottom > innerHeight)) contents.parentNode.scrollTop += top - innerHeight / 2;
}

function fold() {
  contents.open = isWide.matches;
}

filter.parentNode.hidden = false;
filter.addEventListener("input", show);
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link) return;
  if (filter.value && !target(link)?.offsetParent) {
    filter.value = ""; // it leads to what the filter hides
    show();
  }
  if (!isWide.matches && contents.contains(link)) contents.open = false;
});
addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
isWide.addEventListener("change", fold);
fold();
mark();
