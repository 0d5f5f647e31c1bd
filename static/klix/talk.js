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

/* From the end of what was heard of you to the beginning of the agent's next turn, on the call's clock. */
function reply() {
  const turns = [...document.querySelectorAll("#talk-call #turns > .turnrow")];
  const last = turns.findLastIndex((turn) => turn.classList.contains("agent"));
  const before = turns[last - 1];
  if (last < 1 || !before.classList.contains("caller") || before.classList.contains("partial")) return;
  const wait = Number(turns[last].dataset.start) - Number(before.dataset.end);
  $("reply").textContent = `${wait.toFixed(2)} s`;
}

function begin() {
  if (!isSecure()) {
    fail(INSECURE);
    return;
  }
  $("talk").disabled = false;
  $("talk").addEventListener("click", call);
  $("leave").addEventListener("click", () => line?.close());
  document.addEventListener("klix:news", reply);
}

if (phone) begin();
document.documentElement.dataset.ready = "talk";
