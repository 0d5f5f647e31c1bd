/* The page of a run: rows keep their place while somebody points at them, and the title and icon carry the count. */
import "./site.js";
import { say } from "./toast.js";

const SAY_EVERY_MS = 10_000;
const list = () => document.getElementById("rows");
const head = () => document.getElementById("run-head");
let saidAt = -SAY_EVERY_MS;
let wasOpen = head()?.hasAttribute("data-open");

const isFrozen = () => Boolean(list()?.matches(":hover") || list()?.contains(document.activeElement));

/* Only what stands wrong is moved: a row that keeps its place keeps its focus. */
function sort() {
  if (!list() || isFrozen()) return;
  const wanted = [...list().children].sort((a, b) => Number(a.dataset.order) - Number(b.dataset.order));
  wanted.forEach((row, place) => {
    const there = list().children[place];
    if (there !== row) list().insertBefore(row, there);
  });
}

function showCount() {
  if (!head()) return;
  document.title = head().dataset.title;
  const share = Number(head().dataset.share);
  const colour = head().hasAttribute("data-open") ? "%23137a3d" : "%2317181c";
  const around = (2 * Math.PI * 9).toFixed(1);
  const icon =
    `data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke-width="5">` +
    `<circle cx="12" cy="12" r="9" stroke="%23d0d2d9"/><circle cx="12" cy="12" r="9" stroke="${colour}" ` +
    `stroke-dasharray="${((around * share) / 100).toFixed(1)} ${around}" transform="rotate(-90 12 12)"/></svg>`;
  document.querySelector('link[rel="icon"]')?.setAttribute("href", icon);
}

/* The sidebar's card was drawn with the page. */
function showInSidebar() {
  const card = document.querySelector(`.liverun[data-run="${head()?.dataset.run}"]`);
  if (!card) return;
  const { done, total } = head().dataset;
  card.querySelector("small").textContent = `${done} / ${total}`;
  card.querySelector("progress").value = Number(done);
  card.hidden = !head().hasAttribute("data-open");
}

/* Readers hear how far it is, at most once in ten seconds, and the end at once. */
function announce() {
  const isOpen = head()?.hasAttribute("data-open");
  const status = document.getElementById("run-said");
  const isEnd = wasOpen && !isOpen;
  if (!status || (performance.now() - saidAt < SAY_EVERY_MS && !isEnd)) return;
  if (isEnd) say("The run is over");
  if (isOpen || isEnd) status.textContent = document.querySelector("#run-progress p")?.textContent ?? "";
  saidAt = performance.now();
  wasOpen = isOpen;
}

function count() {
  const counts = document.getElementById("run-counts")?.dataset ?? {};
  for (const tab of document.querySelectorAll("#run-tabs [data-show]")) {
    if (tab.dataset.show in counts) tab.querySelector("i").textContent = counts[tab.dataset.show];
  }
}

function news() {
  sort();
  showCount();
  showInSidebar();
  count();
  announce();
}

document.addEventListener("klix:news", news);
document.addEventListener("htmx:oobAfterSwap", showCount);
document.addEventListener("pointerout", (event) => event.target.closest?.("#rows") && setTimeout(sort, 50));
document.addEventListener("focusout", () => setTimeout(sort, 50));
showCount();
document.documentElement.dataset.ready = "run";
