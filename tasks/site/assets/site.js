// Search from every page, and the filters of the catalog. A page that is opened from a file may load scripts, but not
// fetch: the search's words come as a script, when somebody first wants to search.
"use strict";

const input = document.getElementById("site-search");
const list = document.getElementById("search-found");
const count = document.getElementById("search-count");
let index = null;

function load(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${source} could not be loaded`));
    document.head.append(script);
  });
}

async function open() {
  await Promise.all([load(input.dataset.library), load(input.dataset.data)]);
  const made = new MiniSearch({
    fields: ["name", "title", "text"],
    storeFields: ["url", "kind", "name", "title", "text"],
    // fact_sales is found by "fact", "sales" and "fact_sales".
    tokenize: (text) => text.split(/[^\p{L}\p{N}_]+/u).flatMap((word) => (word.includes("_") ? [word, ...word.split("_")] : [word])),
    searchOptions: {
      boost: { name: 4, title: 2 },
      boostDocument: (id, term, stored) => (stored.kind === "column" ? 1 : 2),
      prefix: true,
      fuzzy: (term) => (term.length > 4 ? 0.2 : false),
      combineWith: "AND",
    },
  });
  made.addAll(window.searchDocuments.map(([url, kind, name, title, text], id) => ({ id, url, kind, name, title, text })));
  return made;
}

function option(found, position) {
  const item = document.createElement("li");
  item.id = `search-found-${position}`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", "false");
  item.dataset.url = document.body.dataset.root + found.url;
  for (const [kind, text] of [["name", found.name], ["kind", found.kind], ["text", [found.title, found.text].filter(Boolean).join(": ")]]) {
    const part = document.createElement("span");
    part.className = kind;
    part.textContent = text;
    item.append(part);
  }
  return item;
}

async function search() {
  const words = input.value.trim();
  index ??= open();
  const ready = await index;
  if (words !== input.value.trim()) return;
  const found = words ? ready.search(words) : [];
  list.replaceChildren(...found.slice(0, 12).map(option));
  show(words !== "" && found.length > 0);
  count.textContent = words === "" ? "" : `${found.length} found`;
  document.querySelector(".search").classList.toggle("nothing", words !== "" && found.length === 0);
  select(0);
}

function show(open) {
  list.hidden = !open;
  input.setAttribute("aria-expanded", String(open));
  if (!open) input.removeAttribute("aria-activedescendant");
}

const selected = () => [...list.children].findIndex((item) => item.getAttribute("aria-selected") === "true");

function select(position) {
  const items = [...list.children];
  if (!items.length) return;
  const chosen = (position + items.length) % items.length;
  items.forEach((item, i) => item.setAttribute("aria-selected", String(i === chosen)));
  items[chosen].scrollIntoView({ block: "nearest" });
  input.setAttribute("aria-activedescendant", items[chosen].id);
}

const keys = {
  ArrowDown: () => select(selected() + 1),
  ArrowUp: () => select(selected() - 1),
  Enter: () => list.children[selected()]?.click(),
  Escape: () => { show(false); input.value = ""; search(); input.blur(); },
};

input.addEventListener("input", search);
input.addEventListener("focus", () => { index ??= open(); if (input.value) search(); });
input.addEventListener("blur", () => show(false));
input.addEventListener("keydown", (event) => {
  if (!(event.key in keys)) return;
  event.preventDefault();
  keys[event.key]();
});
// mousedown would take the focus, and so close the list before the click.
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", (event) => { location.href = event.target.closest("li").dataset.url; show(false); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  event.preventDefault();
  input.focus();
});

// How long ago it was when somebody reads it, not when the page was built.
for (const ago of document.querySelectorAll(".ago")) {
  const hours = (Date.now() - Date.parse(ago.parentElement.querySelector("time").dateTime)) / 3.6e6;
  const [count, unit] = hours >= 48 ? [hours / 24, "day"] : hours >= 1 ? [hours, "hour"] : [hours * 60, "minute"];
  ago.textContent = `(${new Intl.RelativeTimeFormat("en").format(-Math.floor(count), unit)})`;
}

const filters = document.getElementById("filters");
if (filters) {
  const rows = [...document.querySelectorAll("tr[data-layer]")];
  const apply = () => {
    const wanted = Object.entries(Object.fromEntries(new FormData(filters))).filter(([, value]) => value);
    for (const row of rows) row.hidden = wanted.some(([name, value]) => row.dataset[name] !== value);
    for (const part of document.querySelectorAll(".catalog")) part.hidden = !part.querySelector("tr[data-layer]:not([hidden])");
    const shown = rows.filter((row) => !row.hidden).length;
    filters.count.value = wanted.length ? `${shown} of ${rows.length} tables` : "";
  };
  filters.addEventListener("change", apply);
  filters.addEventListener("submit", (event) => event.preventDefault());
  apply();
}
