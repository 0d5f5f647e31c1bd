/* A person on a live call: hearing it, or speaking in Klix's place. The panel's forms need no script. */
import { INSECURE, isSecure, microphone, openLine, refusalOf } from "./line.js";

const WORDS = {
  listen: { on: "You hear both sides.", off: "Listen", end: "Stop listening", ended: "You no longer listen." },
  "take-over": { on: "You are on the line. Speak.", off: "Take over here", end: "Hang up", ended: "The call has ended." },
};
const CLOSES = { 4403: "You may not do that.", 4404: "This call is over.", 1013: "Too many people are on calls. Try again in a minute." };
const METER_MS = 200;
let open = null;

const panel = () => document.getElementById("operator");
const buttons = () => [...(panel()?.querySelectorAll("[data-line]") ?? [])];

function say(text, isError = false) {
  const state = panel()?.querySelector("[data-line-state]");
  if (!state) return;
  state.textContent = text;
  state.classList.toggle("error", isError);
}

/* The panel may have been replaced: what is open is shown anew. */
function paint() {
  for (const button of buttons()) {
    const words = WORDS[button.dataset.line];
    const isOpen = open?.kind === button.dataset.line;
    button.querySelector("span").textContent = isOpen ? words.end : words.off;
    button.setAttribute("aria-pressed", String(isOpen));
    /* Who speaks on the call hears it as well. */
    button.disabled = open?.kind === "take-over" && !isOpen;
  }
  if (open && panel()) panel().dataset.played = String(open.line?.frames ?? 0);
}

async function begin(button) {
  const kind = button.dataset.line;
  const speaks = kind === "take-over";
  if (speaks && !isSecure()) return say(INSECURE, true);
  open = { kind, line: null, refusal: "" };
  paint();
  try {
    const stream = speaks ? await microphone() : null;
    const wanted = { path: button.dataset.path, worklet: panel().dataset.worklet, stream };
    open.line = await openLine({ ...wanted, cushionMs: speaks ? 100 : 300, told, closed });
    open.meter = setInterval(paint, METER_MS);
    if (open.next) open.line.close();
  } catch (error) {
    open = null;
    say(refusalOf(error), true);
    paint();
  }
}

function told(message) {
  if (message.event === "started") say(WORDS[open.kind].on);
  if (message.event === "refused") open.refusal = message.message;
}

function closed(code) {
  const { kind, meter, refusal, next } = open;
  clearInterval(meter);
  open = null;
  const lost = code === 1000 || code === 1005 ? "" : "The connection was lost. Try again.";
  const wrong = refusal || CLOSES[code] || lost;
  say(wrong || WORDS[kind].ended, Boolean(wrong));
  paint();
  const wanted = buttons().find((button) => button.dataset.line === next);
  if (wanted) begin(wanted);
}

/* One line at a time: who takes over while listening has the listening ended first. */
function pressed(event) {
  const button = event.target.closest("[data-line]");
  if (!button) return;
  if (!open) return begin(button);
  if (button.dataset.line !== open.kind) open.next = button.dataset.line;
  open.line?.close();
}

document.addEventListener("click", pressed);
document.addEventListener("htmx:oobAfterSwap", paint);
