// The head of the page: its name, the tabs, language and theme.

import { button, el, refill, roveFocus } from "./dom.js";
import { keep, kept } from "./kept.js";
import { state, subscribe, TABS, update } from "./state.js";
import { currentLanguage, onLanguage, setLanguage, t } from "./strings.js";

const KEPT = "briefbot-theme";
let bar;

/** Makes the head, and shows the tab of the address. */
export function startShell() {
  const masthead = document.querySelector("#masthead");
  applyTheme(kept(KEPT));
  bar = el("div", { id: "bar", className: "bb" });
  masthead.append(bar);
  onLanguage(() => {
    draw();
    showTab();
  });
  subscribe((_, changed) => { if (changed.includes("tab")) showTab(); });
  // What is left of the window below the head is the conversation's.
  const measure = () => {
    const { style } = document.documentElement;
    style.setProperty("--head", `${Math.ceil(document.querySelector("#desk").getBoundingClientRect().top + scrollY)}px`);
    style.setProperty("--active", `${document.querySelector("#active")?.offsetHeight || 0}px`);
  };
  const observer = new ResizeObserver(measure);
  observer.observe(document.querySelector("main")); // a banner above the head pushes all else down
  document.querySelectorAll("#controls, #active").forEach((part) => observer.observe(part));
  measure();
}

/** A tab's own part of the page, made once and shown with its tab. */
export function makeTab(name) {
  const section = el("section", { id: name, className: "bb tab", role: "tabpanel", "aria-labelledby": `tab-${name}`, tabIndex: -1 });
  document.querySelector("#panel").before(section);
  return section;
}

function draw() {
  const nav = el("div", { className: "tabs", role: "tablist", "aria-label": t("tabs") }, TABS.map((name) =>
    button(t(`tab_${name}`), () => update({ tab: name }), {
      id: `tab-${name}`, role: "tab", "aria-selected": String(state.tab === name), "aria-controls": name === "chat" ? "talk" : name,
      tabIndex: state.tab === name ? 0 : -1,
    })));
  nav.addEventListener("keydown", (event) => roveFocus([...nav.children], event));
  const isDark = document.body.classList.contains("dark");
  refill(bar, nav, el("div", { className: "choices" },
    button(t("other_language"), () => setLanguage(currentLanguage() === "zh" ? "en" : "zh"), {
      id: "switch-language", className: "quiet", lang: currentLanguage() === "zh" ? "en" : "zh",
    }),
    button(isDark ? "☀" : "☾", () => {
      applyTheme(isDark ? "light" : "dark");
      keep(KEPT, isDark ? "light" : "dark");
      draw();
    }, { id: "switch-theme", className: "quiet", "aria-label": isDark ? t("light") : t("dark") })));
}

function showTab() {
  document.body.dataset.tab = state.tab;
  const talk = document.querySelector("#talk");
  talk.setAttribute("role", "tabpanel");
  talk.setAttribute("aria-labelledby", "tab-chat");
  for (const name of TABS) {
    const tab = document.querySelector(`#tab-${name}`);
    tab?.setAttribute("aria-selected", String(name === state.tab));
    if (tab) tab.tabIndex = name === state.tab ? 0 : -1;
  }
  document.title = state.tab === "chat" ? "briefbot" : `${t(`tab_${state.tab}`)} · briefbot`;
}

function applyTheme(theme) {
  if (theme) document.body.classList.toggle("dark", theme === "dark");
  document.documentElement.style.colorScheme = document.body.classList.contains("dark") ? "dark" : "light";
}
