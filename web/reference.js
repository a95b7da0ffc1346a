/**
 * Mend what Redoc leaves unsaid on the page /docs, whenever it draws: its menu is no landmark, its headings leave out a
 * level, and some of its buttons are called otherwise than they read.
 */

const LEVELS = new Map([["H3", 3], ["H4", 3], ["H5", 4], ["H6", 5]]);

function nameMenu() {
  const menu = document.querySelector(".menu-content");
  if (!menu || menu.getAttribute("role") === "navigation") return;
  menu.setAttribute("role", "navigation");
  menu.setAttribute("aria-label", "Routes");
}

function levelHeadings() {
  for (const heading of document.querySelectorAll("redoc :is(h3, h4, h5, h6)")) {
    const level = String(LEVELS.get(heading.tagName));
    if (heading.getAttribute("aria-level") === level) continue;
    heading.setAttribute("role", "heading");
    heading.setAttribute("aria-level", level);
  }
}

function nameButtons() {
  for (const button of document.querySelectorAll("redoc button[aria-label]")) {
    const text = button.innerText.trim();
    const label = button.getAttribute("aria-label");
    if (text && !label.includes(text)) button.setAttribute("aria-label", `${label}: ${text}`);
  }
}

new MutationObserver(() => {
  nameMenu();
  levelHeadings();
  nameButtons();
}).observe(document.body, { childList: true, subtree: true, characterData: true });
