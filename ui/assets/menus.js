// Menus that open below a button: one at a time, closed by Esc, by a click elsewhere and by leaving them with the keyboard.

import { el } from "./dom.js";

/** A menu with a summary and its items; `fill` runs each time before they are shown. */
export function makeMenu(properties, summary, items, fill = () => {}) {
  const menu = el("details", properties, summary, items);
  menu.classList.add("menu");
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.preventDefault();
    menu.open = false;
    summary.focus();
  });
  menu.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
  });
  menu.addEventListener("toggle", () => {
    if (!menu.open) return;
    fill();
    document.querySelectorAll("details.menu[open]").forEach((other) => { if (other !== menu) other.open = false; });
    const room = menu.getBoundingClientRect().top - (menu.closest("#chat")?.getBoundingClientRect().top ?? 0);
    menu.classList.toggle("below", room < items.offsetHeight + 8);
  });
  return menu;
}

document.addEventListener("click", (event) => {
  document.querySelectorAll("details.menu[open]").forEach((menu) => {
    if (!menu.contains(event.target) && event.target.isConnected) menu.open = false;
  });
});
