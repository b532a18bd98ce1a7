// Building the page's own parts: every text goes in as text, so that nothing a document says is ever parsed as HTML.

/** A new element; `aria-*`, `data-*`, `role`, `for` and `lang` (the API's `zh` as `zh-CN`) become attributes, all else properties. */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  setAll(node, properties);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The same for SVG, where everything is an attribute. */
export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat().filter(Boolean));
  return node;
}

function setAll(node, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name === "on") for (const [event, run] of Object.entries(value)) node.addEventListener(event, run);
    else if (name === "lang") node.lang = value === "zh" ? "zh-CN" : value;
    else if (/^(aria-|data-)/.test(name) || ["role", "for", "style"].includes(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
}

/** A button that does `run`. */
export function button(label, run, properties = {}) {
  return el("button", { type: "button", textContent: label, on: { click: run }, ...properties });
}

/**
 * Puts `children` in the place of what a node holds; what is null or false is left out. The focus stays on the part with the
 * same `id` or `data-key`, or goes to the node where there is none, and such parts stay scrolled as they were.
 */
export function refill(node, ...children) {
  const active = node !== document.activeElement && node.contains(document.activeElement) ? document.activeElement : null;
  const wanted = active && keyOf(active);
  const scrolled = [...node.querySelectorAll("[id], [data-key]")].filter((part) => part.scrollTop || part.scrollLeft)
    .map((part) => [keyOf(part), part.scrollTop, part.scrollLeft]);
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  for (const [key, top, left] of scrolled) node.querySelector(key)?.scrollTo(left, top);
  if (!active || document.activeElement === active) return;
  const next = active.isConnected ? active : wanted && node.querySelector(wanted);
  focusOn(next || node);
}

/** Focus a node that need not be in the tab order; the page does not scroll. */
export function focusOn(node) {
  if (node.tabIndex < 0 && !node.hasAttribute("tabindex")) node.tabIndex = -1;
  node.focus({ preventScroll: true });
}

const keyOf = (node) => (node.id ? `#${CSS.escape(node.id)}` : node.dataset?.key ? `[data-key="${CSS.escape(node.dataset.key)}"]` : "");

/** A link to the original of a document, or nothing where it has none that a browser may follow. */
export function outsideLink(url, label) {
  if (!url || !/^https?:\/\//i.test(url)) return null;
  return el("a", { href: url, textContent: label, target: "_blank", rel: "noopener noreferrer" });
}

/** Characters `start` to `end` of a text, counted in Unicode code points as the API counts them. */
export function slice(text, start, end) {
  return Array.from(text).slice(start, end).join("");
}

/** Runs `run` once things have been quiet for `wait` milliseconds. */
export function debounce(run, wait = 200) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...values), wait);
  };
}

/** Puts a text, or what will be one, on the clipboard; throws where the browser allows no way. */
export async function copyText(text) {
  if (navigator.clipboard?.write && window.ClipboardItem) {
    try {
      // Safari wants to be asked within the click, before the text is there.
      const made = Promise.resolve(text).then((words) => new Blob([words], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": made })]);
      return;
    } catch { /* not allowed, or no text came: the old way says which */ }
  }
  // Pages that come over plain HTTP have no clipboard but this.
  const box = el("textarea", { value: await text, className: "unseen", "aria-hidden": "true" });
  const focused = document.activeElement;
  document.body.append(box);
  box.select();
  const isDone = document.execCommand("copy");
  box.remove();
  focused?.focus({ preventScroll: true });
  if (!isDone) throw new Error();
}

/** Hands a file to the reader. */
export function download(name, blob) {
  const url = URL.createObjectURL(blob);
  const link = el("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Moves the focus among `items` with the arrow keys, Home and End; one of them is in the tab order. */
export function roveFocus(items, event, isVertical = false) {
  const keys = isVertical ? ["ArrowUp", "ArrowDown"] : ["ArrowLeft", "ArrowRight"];
  const at = items.indexOf(document.activeElement);
  const to = { [keys[0]]: at - 1, [keys[1]]: at + 1, Home: 0, End: items.length - 1 }[event.key];
  if (at < 0 || to === undefined || !items[to]) return;
  event.preventDefault();
  items.forEach((item) => { item.tabIndex = -1; });
  items[to].tabIndex = 0;
  items[to].focus();
}
