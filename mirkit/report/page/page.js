// The page: sections with their decks and tables, keys, and one loop that moves the cursors.

const content = JSON.parse(document.getElementById("content").textContent);

const KEYS = [
  ["Space", "play, pause"], ["← →", "back, on by 2 seconds; with Shift by 10"], ["Home End", "to the start, to the end"],
  ["1 … 9", "solo a track; with Shift as well as those soloed already"], ["0", "all tracks"], ["O", "original or parts"],
  ["drag, L", "loop a stretch; loop off"], ["+ −", "zoom"], ["?", "this list"],
];

function sectionElement(section, number) {
  const decks = section.decks.map((deck) => new Deck(deck));
  const id = `result-${number}`;
  return element("section", { class: "result", id, "aria-labelledby": `${id}-title` },
    element("header", {},
      section.task ? element("p", { class: "task" }, section.task) : null,
      section.title ? element("h2", { id: `${id}-title` }, section.title) : null,
      Object.keys(section.facts).length ? factsElement(section.facts) : null),
    section.text ? element("p", { class: "text" }, section.text) : null,
    ...decks.map((deck) => deck.root),
    ...section.tables.map((table) => tableElement(table, decks)));
}

function factsElement(facts) {
  return element("dl", { class: "facts" },
    ...Object.entries(facts).map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function tableElement(table, decks) {
  const active = table.rows.some((row) => row.actions.length);
  const grid = element("table", {},
    table.folded ? null : element("caption", {}, table.name),
    element("thead", {}, element("tr", {}, ...table.columns.map((name) => element("th", { scope: "col" }, name)),
      active ? element("th", { scope: "col" }, "listen") : null)),
    element("tbody", {}, ...table.rows.map((row) => element("tr", {},
      ...row.cells.map((cell) => element("td", {}, typeset(cell))),
      active ? element("td", { class: "actions" }, ...row.actions.map((action) => actionButton(action, row, decks))) : null))));
  const framed = element("div", { class: "table" }, grid);
  return table.folded ? element("details", {}, element("summary", {}, table.name), framed) : framed;
}

// A minus sign for a hyphen, and no line break between a number and its unit.
function typeset(text) {
  return text.replace(/(^|\()-(?=\d)/g, "$1\u2212").replace(/(\d) (?=(dB|s|st|%)(\b|\)|$))/g, "$1\u00a0");
}

function actionButton(action, row, decks) {
  return element("button", {
    type: "button", class: "action", "aria-label": `${action.label}: ${row.cells.join(", ")}`,
    onclick: () => playInTurn(action.clips, decks),
  }, action.label);
}

let turn = 0;
async function playInTurn(clips, decks) {
  const mine = ++turn;
  for (const [deck, start, end] of clips) {
    if (mine !== turn) return;
    await decks[deck].playClip(start, end);
  }
}

function onKey(event) {
  const target = event.target;
  if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("keys").open) return;
  const inControl = target.closest?.("button, summary, a, input");
  const inRange = target.matches?.("input[type=range]");
  if (inControl && (event.key === " " || event.key === "Enter")) return;
  if (inRange && /^(Arrow|Home|End|Page)/.test(event.key)) return;
  const deck = Deck.current ?? Deck.all.find((one) => one.tracks.length);
  const digit = /^Digit(\d)$/.exec(event.code)?.[1];
  const step = event.shiftKey ? 10 : 2;
  if (event.key === "?") document.getElementById("keys").showModal();
  else if (!deck) return;
  else if (event.key === " ") deck.toggle();
  else if (event.key === "ArrowLeft") deck.seek(deck.transport.position - step);
  else if (event.key === "ArrowRight") deck.seek(deck.transport.position + step);
  else if (event.key === "Home") deck.seek(0);
  else if (event.key === "End") deck.seek(deck.duration_s);
  else if (digit && digit !== "0" && deck.parts[digit - 1]?.soloButton) {
    deck.setSolo(deck.parts[digit - 1], !deck.parts[digit - 1].solo, event.shiftKey);
  } else if (digit === "0") deck.parts.forEach((track) => { track.solo = track.muted = false; deck.updateGains(); });
  else if (event.key.toLowerCase() === "o" && deck.originalButton) deck.setOriginal(!deck.listensToOriginal);
  else if (event.key.toLowerCase() === "l") deck.setLoop(null);
  else if (event.key === "+" || event.key === "=") deck.zoom(0.5);
  else if (event.key === "-") deck.zoom(2);
  else return;
  event.preventDefault();
}

function build() {
  const sections = content.sections.map(sectionElement);
  const named = content.sections.filter((section) => section.title);
  const links = named.length > 1 ? element("nav", { "aria-label": "Results" }, ...content.sections.map((section, k) =>
    element("a", { href: `#result-${k}` }, section.title))) : null;
  const keys = element("dialog", { id: "keys", "aria-label": "Keys" }, element("h2", {}, "Keys"),
    element("dl", {}, ...KEYS.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)])),
    element("form", { method: "dialog" }, element("button", {}, "Close")));
  const bar = element("div", { class: "bar" },
    element("span", { class: "brand", html: '<svg viewBox="0 0 34 24" aria-hidden="true"><path d="M3 9v6M8 5v14M13 8v8M18 2v20M23 7v10M28 4v16M33 10v4"/></svg>' },
      element("b", {}, content.title)), links,
    element("button", { type: "button", class: "tool text", "aria-label": "Keys", title: "Keys (?)", onclick: () => keys.showModal() }, "?"));
  document.getElementById("page").append(bar, element("main", {}, ...sections), keys,
    element("div", { id: "status", role: "status", class: "unseen" }), element("div", { id: "hint", hidden: true }));
}

function tick() {
  for (const deck of Deck.all) deck.showPosition();
  requestAnimationFrame(tick);
}

function drawAll() {
  for (const deck of Deck.all) deck.draw();
}

build();
drawAll();
document.addEventListener("keydown", onKey);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
requestAnimationFrame(tick);
// In a notebook the page lies in a frame, which is made as high as the page.
if (window.frameElement?.hasAttribute("data-mirkit-page")) {
  document.documentElement.classList.add("framed");
  new ResizeObserver(() => { window.frameElement.style.height = `${document.getElementById("page").scrollHeight + 8}px`; })
    .observe(document.getElementById("page"));
}
// For scripts and tests: everything that can be heard.
window.mirkit = { decks: Deck.all };
