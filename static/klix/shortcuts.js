/* Keys: help, go to, search, G and a letter. A page adds its own with `onKey`. Fields and modified keys are left alone. */
const keys = new Map();
const PLACES = {
  o: "Overview", r: "Runs", c: "Calls", t: "Trends", a: "Agents", p: "Personas", s: "Scenarios", k: "Criteria",
};
let going = -Infinity; // when G was pressed: times begin at 0 when the page does

export const onKey = (key, act) => keys.set(key, act);

const dialog = (id) => document.getElementById(id);
const isField = (element) => element.matches?.("input, select, textarea, [contenteditable]");

function openGoto() {
  if (dialog("goto").open) return;
  dialog("goto").showModal();
  const field = document.getElementById("goto-text");
  field.select();
  field.dispatchEvent(new Event("goto", { bubbles: true }));
}

function search() {
  const field = document.querySelector("main [data-search]");
  if (field) field.focus();
  else openGoto();
}

function go(letter) {
  const link = document.querySelector(`.side [data-goto="${PLACES[letter]}"]`);
  if (link) location.assign(link.href);
}

function pressed(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return openGoto();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (isField(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const letter = event.key.toLowerCase();
  if (event.timeStamp - going < 1000 && letter in PLACES) {
    going = -Infinity;
    event.preventDefault();
    return go(letter);
  }
  going = letter === "g" ? event.timeStamp : -Infinity;
  const link = document.querySelector(`a[data-key="${CSS.escape(event.key)}"]`);
  if (link) return link.click();
  const act = keys.get(event.key);
  if (act && act(event) !== false) event.preventDefault();
}

/* Up and down walk through what was found; Enter follows the first. */
function walk(event) {
  const links = [...document.querySelectorAll("#goto-list a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Enter" && at < 0) links[0]?.click();
  else if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)]?.focus();
  else if (event.key === "ArrowUp") (links[at - 1] ?? document.getElementById("goto-text")).focus();
  else return;
  event.preventDefault();
}

export function listen() {
  for (const button of document.querySelectorAll('[data-act="goto"], [data-act="keys"]')) button.hidden = false;
  onKey("?", () => dialog("keys").showModal());
  onKey("/", search);
  onKey("Escape", () => location.hash === "#side" && (location.hash = "#main"));
  document.addEventListener("keydown", pressed);
  dialog("goto").addEventListener("keydown", walk);
  document.addEventListener("click", (event) => {
    const act = event.target.closest("[data-act]")?.dataset.act;
    if (act === "goto") openGoto();
    else if (act === "keys") dialog("keys").showModal();
  });
}
