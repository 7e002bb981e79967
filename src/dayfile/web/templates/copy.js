"use strict";
// Told to those who hear the page, too: the button's own text is not read to them again.
async function copy(text, button, done) {
  const told = document.getElementById("told");
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = done;
    told.textContent = "Copied.";
  } catch {
    told.textContent = button.textContent = "Not copied";
  }
  setTimeout(() => {
    button.textContent = "Copy";
    told.textContent = "";
  }, 1500);
}
for (const button of document.querySelectorAll(".code button")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", () => copy(button.nextElementSibling.textContent, button, "Copied"));
}
