// The interface's texts, of both languages, from the one file that the page's Python side reads as well.

import { keep, kept } from "./kept.js";

const STRINGS = await readStrings();
const KEPT = "briefbot-language";

let language = choose();
const listeners = [];

/** Nothing can be said without them, so this tries until they are there. */
async function readStrings() {
  for (;;) {
    try {
      const response = await fetch("/briefbot/strings.json");
      if (response.ok) return await response.json();
    } catch { /* the service is away for a moment */ }
    await new Promise((run) => { setTimeout(run, 1000); });
  }
}

function choose() {
  const asked = [new URLSearchParams(location.search).get("lang"), kept(KEPT)].find((name) => name && Object.hasOwn(STRINGS, name));
  if (asked) return asked;
  return (navigator.languages?.[0] || navigator.language || "en").toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** The language of the interface: `en` or `zh`. */
export const currentLanguage = () => language;

/** Show the interface in another language, now and on later visits. */
export function setLanguage(wanted) {
  language = wanted;
  keep(KEPT, wanted);
  const url = new URL(location.href);
  url.searchParams.delete("lang"); // what the reader chooses now outweighs the link they came by
  history.replaceState(null, "", url);
  announce();
}

/** Runs `run` now and whenever the language changes. */
export function onLanguage(run) {
  listeners.push(run);
  run(language);
}

function announce() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  listeners.forEach((run) => run(language));
}

/** A text of the interface with its `{names}` filled in; with a count of 1, the text for one if there is one. */
export function t(key, values = {}) {
  const one = values.count === 1 || values.documents === 1 ? STRINGS[language][`${key}_one`] : undefined;
  const text = one ?? STRINGS[language][key] ?? STRINGS.en[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The word for a value of a facet, a status or an edge; the value itself where there is none. */
export function word(group, value) {
  return STRINGS[language][`${group}.${value}`] ?? String(value ?? "").replaceAll("_", " ").replaceAll("-", " ");
}

/** What an error of the API says: in English its own words, in Chinese ours, with its own where they say more. */
export const problemWords = (slug, detail) => (STRINGS[language][`problem.${slug}`] ?? "{detail}").replace("{detail}", () => detail);

/** A document's title in the interface's language, as far as it has one. */
export const titleOf = (doc) => (language === "zh" && doc.title_zh ? doc.title_zh : doc.title);

/** The language of a short text, for screen readers. */
export const languageOf = (text) => (/\p{Script=Han}/u.test(text) ? "zh" : "en");

/** A title within a sentence: Chinese sets it off with 《》, once. */
export const quotedTitle = (title) => (language === "zh" && !title.includes("《") ? `《${title}》` : title);

/** A day as the reader writes it. */
export function day(iso) {
  if (!iso) return t("undated");
  const [year, month, date] = iso.split("-").map(Number);
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", { dateStyle: "medium", timeZone: "UTC" })
    .format(new Date(Date.UTC(year, month - 1, date)));
}

announce();
