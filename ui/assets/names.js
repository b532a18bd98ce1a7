// Names of documents and of issuing bodies, as far as the page has met them.

import { currentLanguage, t, titleOf, word } from "./strings.js";

const documents = new Map();
const issuers = new Map();
const listeners = [];

/** Runs `run("documents" or "issuers")` whenever more names of them are known. */
export const onNames = (run) => listeners.push(run);

/** Remember titles: `found` holds documents as the API lists them. */
export const learnDocuments = (found) => learn("documents", documents, found.map((doc) => [doc.id, { title: doc.title, title_zh: doc.title_zh }]));

/** Remember issuing bodies: `found` holds `{value, name, name_zh}`. */
export const learnIssuers = (found) => learn("issuers", issuers, found.map(({ value, name, name_zh }) => [value, { name, name_zh }]));

/** What is drawn anew loses the reader's selection, so nothing is unless a name is new. */
function learn(kind, names, found) {
  const isNew = ([key, value]) => JSON.stringify(names.get(key)) !== JSON.stringify(value);
  const news = found.filter(isNew);
  news.forEach(([key, value]) => names.set(key, value));
  if (news.length) listeners.forEach((run) => run(kind));
}

/** A document's title in the interface's language, or its id while the title is not known. */
export const titleById = (id) => (documents.has(id) ? titleOf(documents.get(id)) : id);

/** An issuing body's whole name, or its code while the name is not known. */
export function issuerName(code) {
  const found = issuers.get(code);
  return (currentLanguage() === "zh" ? found?.name_zh : found?.name) || code;
}

/** Issuing bodies in few words: English readers know the codes, Chinese readers the names. */
export const issuersOf = (codes) => codes.map(shortName).join(t("comma"));

/** A filter in words: the facet and the value. */
export const filterName = (facet, value) => `${t(`facet_${facet}`)}${t("colon")}${facet === "issuer" ? shortName(value) : word(facet, value)}`;

/** One issuing body in few words: `SAMR`, `State Council`, or in Chinese its name. */
export function shortName(code) {
  if (currentLanguage() === "zh") return issuerName(code);
  if (code === "BRIEFBOT") return "briefbot";
  const words = code.split("_");
  const longest = words.length > 1 ? 3 : 6; // letters of an abbreviation
  return words.map((part) => (part.length > longest ? part[0] + part.slice(1).toLowerCase() : part)).join(" ");
}
