/* The timeline: a slider over the picture that the server drew. */
import { clock } from "./toast.js";
import { audio, duration, isPlaying, now, seek, speakingAt } from "./player.js";
import { onPaint } from "./moment.js";
import { onKey } from "./shortcuts.js";
import { wordsOf } from "./words.js";

const slider = () => document.querySelector(".slider");
const all = (selector) => document.querySelectorAll(selector);
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };

const NEAR_PX = 14;
let isZoomed = false;
let lit = null;

/* The CSP allows no style attribute; a script may place what the server measured. */
export function draw() {
  zoom(isZoomed);
  lit = null;
}

/* Pins that would cover each other become one: it carries the first one's number, and names all. */
function placePins() {
  const width = slider()?.clientWidth ?? 0;
  let first = null;
  for (const pin of all(".pin")) {
    const x = (Number(pin.dataset.x) / 100) * width;
    pin.style.left = `${pin.dataset.x}%`;
    pin.hidden = Boolean(first) && x - first.x < NEAR_PX;
    if (pin.hidden) first.names.push(pin.dataset.name);
    else first = { pin, x, names: [pin.dataset.name] };
    first.pin.firstElementChild.textContent = first.pin.dataset.ev + (first.names.length > 1 ? "+" : "");
    first.pin.setAttribute("aria-label", first.names.join("; "));
  }
}

/* The whole call in the window, or so many pixels a second in a box that scrolls. */
function zoom(on) {
  const lanes = document.querySelector(".lanes.long");
  isZoomed = Boolean(lanes) && on;
  if (lanes) {
    lanes.classList.toggle("zoomed", isZoomed);
    lanes.style.width = isZoomed ? `${Math.max(lanes.dataset.zoomed, lanes.parentElement.clientWidth)}px` : "";
    document.querySelector('[data-act="zoom"]')?.setAttribute("aria-pressed", String(isZoomed));
    if (isZoomed) keepInSight(now());
  }
  placePins();
}

function show(at) {
  if (!slider()) return;
  const x = `${((100 * at) / duration()).toFixed(3)}%`;
  for (const line of all(".tl line.head")) place(line, x);
  for (const played of all(".tl .played")) played.setAttribute("width", x);
  const speaking = speakingAt(at);
  const words = !speaking ? "silence" : speaking.element.matches(".agent") ? "agent speaking" : "caller speaking";
  slider().setAttribute("aria-valuenow", at.toFixed(1));
  slider().setAttribute("aria-valuetext", `${clock(Math.floor(at))} of ${clock(Math.floor(duration()))}, ${words}`);
  light(at > 0 ? speaking?.index : undefined);
  keepInSight(at);
}

function light(index) {
  if (index === lit) return;
  lit = index;
  for (const block of all(".tl .turn")) block.classList.toggle("on", block.dataset.turn === index);
}

/* Where the timeline is wider than its box, the box follows. */
function keepInSight(at) {
  const box = document.querySelector(".scroll");
  if (box.scrollWidth <= box.clientWidth + 8) return;
  const x = (at / duration()) * box.querySelector(".lanes").clientWidth;
  if (x < box.scrollLeft + 40 || x > box.scrollLeft + box.clientWidth - 60) box.scrollLeft = x - box.clientWidth / 3;
}

function place(line, x) {
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
}

function timeAt(event) {
  const box = slider().getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * duration();
}

function hover(event) {
  const at = timeAt(event);
  const x = `${(100 * at) / duration()}%`;
  const line = document.querySelector(".hoverline");
  const tip = document.querySelector(".tip");
  place(line, x);
  line.setAttribute("visibility", "visible");
  tip.hidden = false;
  tip.textContent = `${clock(at, 1)} ${wordAt(at)}`.trim();
  tip.style.left = x;
}

function wordAt(at) {
  const speaking = speakingAt(at);
  const words = speaking ? wordsOf(speaking.element) : [];
  return words.findLast((word) => Number(word.dataset.t) <= at)?.textContent ?? "";
}

function leave() {
  document.querySelector(".tip").hidden = true;
  document.querySelector(".hoverline").setAttribute("visibility", "hidden");
}

export function listen() {
  onPaint.push(show);
  onKey("z", () => zoom(!isZoomed));
  document.addEventListener("click", (event) => event.target.closest('[data-act="zoom"]') && zoom(!isZoomed));
  addEventListener("resize", placePins);
  document.addEventListener("pointerdown", (event) => {
    const target = event.target.closest?.(".slider");
    if (!target || event.button) return;
    target.setPointerCapture(event.pointerId);
    target.dataset.drag = "1";
    seek(timeAt(event));
  });
  document.addEventListener("pointerup", () => slider() && delete slider().dataset.drag);
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest?.(".slider");
    if (!target) return;
    if (target.dataset.drag) seek(timeAt(event));
    hover(event);
  });
  document.addEventListener("pointerout", (event) => event.target.closest?.(".slider") && leave());
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.(".slider") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in STEPS) seek(now() + STEPS[event.key]);
    else if (event.key === "Home") seek(0);
    else if (event.key === "End") seek(duration());
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  /* While the recording plays, news replaces the picture and leaves the player alone. */
  document.addEventListener("htmx:oobBeforeSwap", (event) => {
    const { target, fragment } = event.detail;
    if (target.id !== "call-player" || !isPlaying()) return;
    const picture = fragment.querySelector(".tlwrap");
    if (!picture || fragment.querySelector("audio")?.getAttribute("src") !== audio().getAttribute("src")) return;
    target.querySelector(".tlwrap").replaceWith(picture);
    event.detail.shouldSwap = false;
  });
}
