// Citation marks, hover card, source panel and as-of date of the chat page.
// Everything is built with textContent; nothing a document says is ever parsed as HTML.
"use strict";
(() => {
  const MARK = /\[(\d{1,3})\]/g;
  let answers = [];       // citations of each answer, in order
  let chosen = null;      // {turn, number} of the mark whose source is open

  const el = (tag, properties = {}, children = []) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name.startsWith("aria-") || name.startsWith("data-")) node.setAttribute(name, value);
      else node[name] = value;
    }
    node.append(...children);
    return node;
  };

  // ---------------------------------------------------------------- data from the page's Python side
  const readAnswers = () => {
    const holder = document.querySelector("#answers");
    const text = holder ? holder.textContent.trim() : "";
    if (!text) { answers = []; return; }
    try {
      const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
      answers = JSON.parse(new TextDecoder().decode(bytes));
    } catch { /* half a value while Gradio is writing it: the next mutation brings the rest */ }
  };

  const citationOf = (turn, number) => (answers[turn] || []).find((item) => item.number === number);

  // ---------------------------------------------------------------- marks
  const decorate = () => {
    readAnswers();
    document.querySelectorAll("#chat [data-testid=bot]").forEach((message, turn) => {
      const walker = document.createTreeWalker(message, NodeFilter.SHOW_TEXT, {
        acceptNode: (node) => node.parentElement.closest("button, a, code, pre")
          ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT,
      });
      const texts = [];
      while (walker.nextNode()) texts.push(walker.currentNode);
      texts.forEach((node) => replaceMarks(node, turn));
    });
    markChosen();
  };

  const replaceMarks = (node, turn) => {
    const text = node.data;
    const parts = [];
    let last = 0;
    for (const match of text.matchAll(MARK)) {
      const citation = citationOf(turn, Number(match[1]));
      if (!citation) continue;
      parts.push(text.slice(last, match.index), makeMark(turn, citation, match[0]));
      last = match.index + match[0].length;
    }
    if (!parts.length) return;
    parts.push(text.slice(last));
    node.replaceWith(...parts);
  };

  const makeMark = (turn, citation, label) => el("button", {
    type: "button", className: "cite", textContent: label,
    "data-turn": turn, "data-number": citation.number,
    "aria-label": `Source ${citation.number}: ${citation.title}, ${citation.published || "undated"}`,
  });

  const markChosen = () => document.querySelectorAll("button.cite").forEach((mark) => {
    const open = chosen && Number(mark.dataset.turn) === chosen.turn && Number(mark.dataset.number) === chosen.number;
    mark.classList.toggle("open", Boolean(open));
    mark.setAttribute("aria-expanded", String(Boolean(open)));
  });

  // ---------------------------------------------------------------- source panel
  const openSource = async (turn, number) => {
    const citation = citationOf(turn, number);
    if (!citation) return;
    chosen = { turn, number };
    markChosen();
    const section = panel();
    section.replaceChildren(el("p", { className: "wait", textContent: "…" }));
    document.body.classList.add("source-open");
    try {
      const response = await fetch(`/v1/documents/${encodeURIComponent(citation.id)}`);
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      drawSource(section, citation, await response.json());
    } catch (error) {
      section.replaceChildren(el("p", { className: "failed", textContent: `The source could not be loaded (${error.message}). Choose the mark again.` }));
    }
  };

  const panel = () => {
    let section = document.querySelector("#source");
    if (!section) {
      section = el("section", { id: "source", tabIndex: 0, "aria-label": "Source" });
      document.querySelector("#panel").append(section);
    }
    return section;
  };

  const drawSource = (section, citation, doc) => {
    const hint = document.querySelector("#panel-hint");
    if (hint) hint.hidden = true;
    const close = el("button", { type: "button", className: "close", textContent: "×", "aria-label": "Close the source" });
    close.addEventListener("click", closeSource);
    const head = el("header", {}, [
      close,
      el("h2", { textContent: doc.title }),
      ...(doc.title_zh ? [el("p", { className: "title-zh", lang: "zh", textContent: doc.title_zh })] : []),
      el("p", { className: "facts" }, [
        badge(doc.kind), badge((citation.status || doc.status || "").replaceAll("_", " "), `status ${citation.status}`),
        el("span", { textContent: [doc.published, doc.issuer.join(", "), citation.locator].filter(Boolean).join(" · ") }),
      ]),
    ]);
    if (doc.url && /^https?:\/\//.test(doc.url)) {
      head.append(el("p", {}, [el("a", { href: doc.url, textContent: "Official text or translation", target: "_blank", rel: "noopener noreferrer" })]));
    }
    const body = el("div", { className: "text", lang: doc.language });
    drawText(body, doc.text, citation.start, citation.end);
    section.replaceChildren(head, body, drawOrigins(doc));
    const hit = section.querySelector("mark");
    // Only the panel scrolls: scrollIntoView would move the page as well.
    if (hit) section.scrollTop += hit.getBoundingClientRect().top - section.getBoundingClientRect().top - section.clientHeight / 3;
    section.focus({ preventScroll: true });
  };

  const badge = (text, extra = "") => el("span", { className: `badge ${extra}`, textContent: text });

  // Offsets are Unicode code points; JavaScript counts UTF-16 units, so the text is cut as an array of code points.
  const drawText = (body, text, start, end) => {
    const points = Array.from(text);
    const lines = [];
    let from = 0;
    points.forEach((char, index) => { if (char === "\n") { lines.push([from, index]); from = index + 1; } });
    lines.push([from, points.length]);
    for (const [first, last] of lines) {
      if (first === last) continue;
      const line = points.slice(first, last).join("");
      const heading = line.match(/^(#{1,6})\s+/);
      const item = line.match(/^\s*[-*]\s+/);
      const skip = heading ? heading[0].length : item ? item[0].length : 0;
      const node = el(heading ? "h3" : "p", { className: item ? "item" : "" });
      const begin = Math.min(Math.max(start, first + skip), last);
      const finish = Math.max(Math.min(end, last), begin);
      if (end > first && start < last && finish > begin) {
        node.append(points.slice(first + skip, begin).join(""),
          el("mark", { textContent: points.slice(begin, finish).join("") }),
          points.slice(finish, last).join(""));
      } else node.textContent = line.slice(skip);
      body.append(node);
    }
  };

  const drawOrigins = (doc) => {
    const list = el("ul", {}, doc.sources.map((source) => el("li", {
      textContent: [source.publisher, source.title, source.date].filter(Boolean).join(", "),
    })));
    return el("footer", {}, doc.sources.length ? [el("h3", { textContent: "Facts confirmed by" }), list] : []);
  };

  const closeSource = () => {
    const back = chosen;
    chosen = null;
    document.body.classList.remove("source-open");
    document.querySelector("#source")?.remove();
    const hint = document.querySelector("#panel-hint");
    if (hint) hint.hidden = false;
    markChosen();
    if (back) document.querySelector(`button.cite[data-turn="${back.turn}"][data-number="${back.number}"]`)?.focus();
  };

  // ---------------------------------------------------------------- hover card
  const card = el("div", { id: "card", role: "tooltip", hidden: true });
  const showCard = (mark) => {
    const citation = citationOf(Number(mark.dataset.turn), Number(mark.dataset.number));
    if (!citation) return;
    card.replaceChildren(
      el("strong", { textContent: citation.title }),
      el("span", { textContent: [citation.published, citation.issuer.join(", "), (citation.status || "").replaceAll("_", " ")].filter(Boolean).join(" · ") }),
      el("q", { textContent: citation.quote }),
    );
    if (!card.isConnected) (document.querySelector(".contain") || document.body).append(card);
    card.hidden = false;
    const box = mark.getBoundingClientRect();
    const size = card.getBoundingClientRect();
    card.style.left = `${Math.max(8, Math.min(box.left, innerWidth - size.width - 8))}px`;
    card.style.top = `${box.top > size.height + 12 ? box.top - size.height - 8 : box.bottom + 8}px`;
  };

  // ---------------------------------------------------------------- events
  document.addEventListener("click", (event) => {
    const mark = event.target.closest?.("button.cite");
    if (mark) openSource(Number(mark.dataset.turn), Number(mark.dataset.number));
  });
  document.addEventListener("pointerover", (event) => {
    const mark = event.target.closest?.("button.cite");
    if (mark) showCard(mark); else card.hidden = true;
  });
  document.addEventListener("focusin", (event) => {
    const mark = event.target.closest?.("button.cite");
    if (mark) showCard(mark); else card.hidden = true;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { card.hidden = true; if (chosen) closeSource(); }
  });
  document.addEventListener("change", (event) => {
    if (event.target.id !== "as-of") return;
    const box = document.querySelector("#as-of-value textarea, #as-of-value input");
    if (!box) return;
    const setter = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(box), "value").set;
    setter.call(box, event.target.value);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  });

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; decorate(); });
  }).observe(document.body, { childList: true, subtree: true, characterData: true });
  decorate();
})();
