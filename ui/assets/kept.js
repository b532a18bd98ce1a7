// What this browser keeps for the reader. Where it may keep nothing, the page works all the same and forgets.

const here = new Map();

/** What was kept under a name, or null. */
export function kept(name) {
  try {
    return localStorage.getItem(name) ?? here.get(name) ?? null;
  } catch {
    return here.get(name) ?? null;
  }
}

/** Keep a text under a name. */
export function keep(name, text) {
  here.set(name, text);
  try {
    localStorage.setItem(name, text);
  } catch { /* storage is full or switched off: it lasts as long as the page */ }
}
