/* The browser phone: microphone → line → agent, and back. The call's own page is shown below. */
import { INSECURE, isSecure, microphone, openLine, refusalOf } from "./line.js";
import "./operator.js";

const $ = (id) => document.getElementById(id);
const phone = $("phone");
const METER_MS = 100;
const CLOSES = {
  4404: "This agent cannot be called any more. Reload the page.",
  1013: "Too many people are talking just now. Try again in a minute.",
};
let line = null;
let meter = 0;

function say(text) {
  $("phone-state").textContent = text;
}

function fail(text) {
  $("phone-error").textContent = text;
  $("phone-error").hidden = !text;
}

function show(isOn) {
  $("talk").hidden = isOn;
  $("talk").disabled = false;
  $("agent").disabled = isOn;
  $("leave").hidden = !isOn;
  $("meters").hidden = !isOn;
}

async function call() {
  fail("");
  $("talk").disabled = true;
  say("Asking for the microphone.");
  try {
    const stream = await microphone();
    say("Calling.");
    const path = `/live/talk/${$("agent").value}/`;
    line = await openLine({ path, worklet: phone.dataset.worklet, stream, told, closed: over });
    meter = setInterval(paint, METER_MS);
  } catch (error) {
    say("Not connected.");
    fail(refusalOf(error));
    show(false);
  }
}

function told(message) {
  if (message.event === "started") started(message.url);
  if (message.event === "refused") fail(message.message);
}

function started(url) {
  show(true);
  say("Connected. Speak.");
  /* The call's page, live: transcript, state, and after the call what was found. */
  window.htmx.ajax("GET", url, { target: "#talk-call", swap: "innerHTML", select: "#call" }).then(takeInCallPage);
}

/* Its module, once. */
function takeInCallPage() {
  const script = Object.assign(document.createElement("script"), { type: "module", src: phone.dataset.callPage });
  if (!document.querySelector(`script[src="${phone.dataset.callPage}"]`)) document.head.append(script);
}

function over(code) {
  clearInterval(meter);
  line = null;
  show(false);
  say("The call has ended.");
  if (CLOSES[code]) fail(CLOSES[code]);
  else if (code !== 1000 && code !== 1005) fail("The connection was lost. Call again.");
}

function paint() {
  $("microphone").value = line.heard;
  $("speaker").value = line.loud;
  line.heard = line.loud = 0;
  /* How many frames of the agent's speech came out of the loudspeaker. */
  phone.dataset.played = String(line.frames);
}

/* From the end of what was heard of you to the beginning of what the agent said next, on the call's clock. By time, not
   by place: who speaks before the greeting comes first in the transcript, and is answered by the second turn after it. */
function reply() {
  const turns = [...document.querySelectorAll("#talk-call #turns > .turnrow")];
  const starts = turns.filter((turn) => turn.classList.contains("agent")).map((turn) => Number(turn.dataset.start));
  const ends = turns.filter((turn) => turn.matches(".caller:not(.partial)")).map((turn) => Number(turn.dataset.end));
  const waits = ends.map((end) => Math.min(...starts.filter((start) => start >= end)) - end);
  const wait = waits.findLast(Number.isFinite);
  if (wait !== undefined) $("reply").textContent = `${wait.toFixed(2)} s`;
}

function begin() {
  if (!isSecure()) {
    fail(INSECURE);
    return;
  }
  $("talk").disabled = false;
  $("talk").addEventListener("click", call);
  $("leave").addEventListener("click", () => line?.close());
  /* Also where the turns came with a page that was fetched: after a lost connection no message follows. */
  for (const news of ["klix:news", "htmx:oobAfterSwap"]) document.addEventListener(news, reply);
}

if (phone) begin();
document.documentElement.dataset.ready = "talk";
