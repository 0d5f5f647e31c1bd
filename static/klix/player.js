/* The recording: where it is, and moving through it. */
import { clock, say } from "./toast.js";
import { onKey } from "./shortcuts.js";
import { onPaint } from "./moment.js";

const $ = (selector) => document.querySelector(selector);
let position = 0;
let known = null;

export const audio = () => document.getElementById("audio");
export const now = () => position;
export const duration = () => Number($(".slider")?.getAttribute("aria-valuemax") ?? 0);
export const isPlaying = () => Boolean(audio() && !audio().paused);

/* Read once, and again after news: a long call has hundreds, and they are asked for at every frame. */
export function turns() {
  known ??= [...document.querySelectorAll("#turns > .turnrow")].map((element) => ({
    element,
    index: element.dataset.turn,
    start: Number(element.dataset.start),
    end: Number(element.dataset.end),
  }));
  return known;
}

export const speakingAt = (at) => turns().findLast((turn) => at >= turn.start && at < turn.end);

/* Shows the moment on the timeline, the clock and the transcript. */
export function paint(at = position) {
  position = at;
  const shown = $("#now");
  if (shown) shown.textContent = clock(at, 1);
  onPaint.forEach((show) => show(at));
}

export function seek(to, andPlay = false) {
  const at = Math.max(0, Math.min(Math.max(0, duration() - 0.05), to));
  if (audio()) audio().currentTime = at;
  paint(at);
  if (andPlay) audio()?.play().catch(() => say("The recording could not be played"));
}

function toggle() {
  if (!audio()) return;
  if (isPlaying()) audio().pause();
  else audio().play().catch(() => say("The recording could not be played"));
}

function step(direction) {
  const all = turns();
  const at = all.findLastIndex((turn) => turn.start <= position + 0.05);
  const to = all[Math.max(0, Math.min(all.length - 1, at + direction))];
  if (to) seek(to.start);
}

function speed(change) {
  if (!audio()) return;
  audio().playbackRate = Math.max(0.5, Math.min(3, audio().playbackRate + change));
  say(`Speed ${audio().playbackRate}×`);
}

function copyLink() {
  const link = new URL(location.href);
  link.searchParams.set("t", position.toFixed(1));
  const done = navigator.clipboard?.writeText(link.href);
  done?.then(() => say("Link to this moment copied"), () => say("Could not copy the link"));
}

function follow() {
  if (isPlaying()) paint(audio().currentTime);
  requestAnimationFrame(follow);
}

function showState() {
  document.body.classList.toggle("playing", isPlaying());
  $('[data-act="play"]')?.setAttribute("aria-label", isPlaying() ? "Pause" : "Play");
}

export function listen() {
  /* Media events do not bubble; in the capture phase they can be heard wherever the element is. */
  for (const name of ["play", "pause", "ended"]) document.addEventListener(name, showState, true);
  document.addEventListener("seeked", () => !isPlaying() && audio() && paint(audio().currentTime), true);
  document.addEventListener("error", (event) => event.target === audio() && say("The recording could not be loaded"), true);
  document.addEventListener("change", (event) => {
    if (event.target.matches('[data-act="speed"]') && audio()) audio().playbackRate = Number(event.target.value);
  });
  const acts = { play: toggle, prev: () => step(-1), next: () => step(1) };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act], [data-seek], [data-t]");
    if (!button) return;
    if (button.dataset.act) acts[button.dataset.act]?.();
    else if (button.dataset.seek && !button.dataset.ev) seek(Number(button.dataset.seek), true);
    else if (button.dataset.t) seek(Number(button.dataset.t), true);
  });
  for (const news of ["htmx:oobAfterSwap", "klix:news"]) document.addEventListener(news, () => (known = null), true);
  onKey(" ", (event) => (event.target.closest("button, a, summary") ? false : toggle()));
  onKey("k", toggle);
  onKey("j", () => seek(position - 5));
  onKey("l", () => seek(position + 5));
  onKey("ArrowLeft", () => step(-1));
  onKey("ArrowRight", () => step(1));
  onKey("PageUp", () => audio() ? seek(position - 10) : false);
  onKey("PageDown", () => audio() ? seek(position + 10) : false);
  onKey("Home", () => audio() ? seek(0) : false);
  onKey("End", () => audio() ? seek(duration()) : false);
  onKey("<", () => speed(-0.25));
  onKey(">", () => speed(0.25));
  onKey("c", copyLink);
  requestAnimationFrame(follow);
}
