/* Live pages: new elements find their place, a lost connection is said and followed by a fresh copy, clocks tick. */
import { clock } from "./toast.js";

const POLL_MS = 5000;
const clocks = new WeakMap();
let lost = false;

/* A message holds bare elements that replace their older selves by id. Where there is none yet, an empty one is put
   in order into the list named by data-into; so a message that comes twice changes nothing. What has no place here
   (a piece of a waveform that the finished recording has replaced, a row that this filter or page of the list does not
   show) goes into a hidden one that is emptied afterwards: the rest of the message is not lost with it. */
function makeRoom(event) {
  const page = event.target;
  const parsed = new DOMParser().parseFromString(`<ul>${event.detail.message}</ul>`, "text/html");
  for (const element of parsed.querySelectorAll("[data-into]")) {
    if (document.getElementById(element.id)) continue;
    const isShown = element.dataset.into !== "rows" || "grows" in page.dataset;
    insert(element, (isShown && document.getElementById(element.dataset.into)) || nowhere());
  }
}

function nowhere() {
  const known = document.getElementById("nowhere");
  if (known) return known;
  const list = document.createElement("ul");
  list.id = "nowhere";
  list.hidden = true;
  return document.body.appendChild(list);
}

function insert(element, list) {
  const room = document.createElement(element.localName);
  room.id = element.id;
  room.dataset.order = element.dataset.order;
  const after = [...list.children].find((other) => Number(other.dataset.order) > Number(element.dataset.order));
  list.insertBefore(room, after ?? null);
  list.closest(".list")?.querySelector(".empty")?.remove();
}

function connection(isUp) {
  const note = document.getElementById("connection");
  if (note) note.hidden = isUp;
  if (isUp && lost) resync();
  lost = !isUp;
}

/* The page itself fetches what is new: an element that came with a message may be gone before its answer is there. */
function news() {
  document.getElementById("nowhere")?.replaceChildren();
  for (const element of document.querySelectorAll("[data-news]")) {
    delete element.dataset.news;
    resync();
  }
  document.dispatchEvent(new Event("klix:news"));
}

const resync = () => document.querySelector("[data-live]")?.dispatchEvent(new Event("resync"));

function tick() {
  for (const element of document.querySelectorAll("time[data-elapsed]")) {
    if (!clocks.has(element)) clocks.set(element, performance.now() - 1000 * Number(element.dataset.elapsed));
    element.textContent = clock(Math.floor((performance.now() - clocks.get(element)) / 1000));
  }
}

export function listen() {
  document.addEventListener("htmx:wsBeforeMessage", makeRoom);
  document.addEventListener("htmx:wsOpen", () => connection(true));
  document.addEventListener("htmx:wsClose", () => connection(false));
  document.addEventListener("htmx:wsAfterMessage", news);
  setInterval(() => lost && resync(), POLL_MS);
  setInterval(tick, 1000);
  tick();
}
