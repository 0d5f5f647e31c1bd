/* The transcript: follows what is heard or said, marks the word, finds text. Only its own box is scrolled, never the
   page, so that the player stays in view. */
import { isPlaying, now, speakingAt } from "./player.js";
import { onPaint } from "./moment.js";
import { listen as listenForWords, wordsOf } from "./words.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const box = () => document.querySelector(".turns");
let follow = true;
let marked = null;
let current = null;
let lit = null;

export function reveal(element) {
  const list = box();
  const behavior = still.matches ? "auto" : "smooth";
  if (list.scrollHeight <= list.clientHeight + 4) return element.scrollIntoView({ block: "nearest", behavior });
  const top = element.offsetTop;
  const inSight = top >= list.scrollTop + 40 && top + element.offsetHeight <= list.scrollTop + list.clientHeight - 60;
  if (!inSight) list.scrollTo({ top: top - list.clientHeight / 3, behavior });
}

function show(at) {
  const speaking = at > 0 ? speakingAt(at) : undefined;
  if (speaking?.element !== lit) {
    lit?.classList.remove("on");
    speaking?.element.classList.add("on");
    lit = speaking?.element;
  }
  const words = speaking ? wordsOf(speaking.element) : [];
  const word = words.findLast((each) => Number(each.dataset.t) <= at + 0.02) ?? null;
  if (word !== marked) {
    marked?.classList.remove("w");
    word?.classList.add("w");
    marked = word;
  }
  if (speaking?.index !== current) {
    current = speaking?.index;
    if (speaking && follow && isPlaying()) reveal(speaking.element);
  }
}

function setFollow(on) {
  follow = on;
  document.querySelector('[data-act="follow"]')?.setAttribute("aria-pressed", String(on));
}

function find(text) {
  const wanted = text.trim().toLowerCase();
  let found = 0;
  for (const turn of document.querySelectorAll("#turns > .turnrow")) {
    const fits = !wanted || turn.textContent.toLowerCase().includes(wanted);
    turn.hidden = !fits;
    found += fits;
  }
  for (const gap of document.querySelectorAll("#turns > .gaprow")) gap.hidden = Boolean(wanted);
  const none = document.getElementById("find-none");
  if (none) none.hidden = !wanted || found > 0;
}

/* During the call the newest turn stays in view, unless somebody scrolls up to read. */
function news() {
  const wave = document.getElementById("live-wave");
  if (wave) wave.scrollLeft = wave.scrollWidth;
  if (follow && document.querySelector(".turns[role=log]")) box().scrollTop = box().scrollHeight;
}

export function listen() {
  listenForWords();
  onPaint.push(show);
  document.addEventListener("click", (event) => event.target.closest('[data-act="follow"]') && setFollow(!follow));
  document.addEventListener("input", (event) => event.target.id === "find" && find(event.target.value));
  for (const name of ["wheel", "touchmove"]) {
    document.addEventListener(name, (event) => {
      if (!follow || !event.target.closest(".turns")) return;
      if (isPlaying() || event.target.closest("[role=log]")) setFollow(false);
    }, { passive: true });
  }
  document.addEventListener("klix:news", news);
  document.addEventListener("htmx:oobAfterSwap", () => {
    setFollow(follow);
    const field = document.getElementById("find");
    if (field?.value) find(field.value);
    show(now());
  });
  news();
}
