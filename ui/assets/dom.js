// Building the page's own parts: every text goes in as text, so that nothing a document says is ever parsed as HTML.

/** A new element; `aria-*`, `data-*`, `role`, `for` and `lang` become attributes, all else properties. */
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
    else if (/^(aria-|data-)/.test(name) || ["role", "for", "lang", "list", "style"].includes(name)) node.setAttribute(name, value);
    else node[name] = value;
  }
}

/** A button that does `run`. */
export function button(label, run, properties = {}) {
  return el("button", { type: "button", textContent: label, on: { click: run }, ...properties });
}

/** Puts `children` in the place of what a node holds; what is null or false is left out. */
export function refill(node, ...children) {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
}

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
