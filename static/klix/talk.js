/* The browser phone: microphone → worklet → websocket → agent, and back. The call's own page is shown below. */
const $ = (id) => document.getElementById(id);
const phone = $("phone");
const METER_MS = 100;
const REFUSALS = {
  NotAllowedError: "The browser does not let this page use the microphone. Allow it in the site settings, at the left of the address bar, and call again.",
  NotFoundError: "No microphone was found. Connect one and call again.",
  NotReadableError: "The microphone is in use by another program. Close that one and call again.",
};
const CLOSES = {
  4404: "This agent cannot be called any more. Reload the page.",
  1013: "Too many people are talking just now. Try again in a minute.",
};
let line = null;

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

/* A browser gives the microphone only to pages that nobody on the way can change. */
const isSecure = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia) && "AudioWorklet" in window;

async function microphone() {
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  return navigator.mediaDevices.getUserMedia({ audio: wanted });
}

async function call() {
  fail("");
  $("talk").disabled = true;
  say("Asking for the microphone.");
  try {
    line = await open(await microphone());
  } catch (error) {
    say("Not connected.");
    fail(REFUSALS[error.name] ?? `The microphone cannot be used (${error.name}).`);
    show(false);
  }
}

async function open(stream) {
  const context = new AudioContext();
  await context.audioWorklet.addModule(phone.dataset.worklet);
  const worklet = new AudioWorkletNode(context, "klix-phone", { outputChannelCount: [1] });
  context.createMediaStreamSource(stream).connect(worklet).connect(context.destination);
  await context.resume();
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/live/talk/${$("agent").value}/`);
  socket.binaryType = "arraybuffer";
  const opened = { context, socket, stream, worklet, played: 0, loud: 0, heard: 0 };
  worklet.port.onmessage = ({ data }) => fromWorklet(opened, data);
  socket.onmessage = ({ data }) => fromAgent(opened, data);
  socket.onclose = ({ code }) => over(opened, code);
  opened.meter = setInterval(() => paint(opened), METER_MS);
  say("Calling.");
  return opened;
}

function fromWorklet(opened, data) {
  opened.heard = Math.max(opened.heard, data.level);
  opened.loud = Math.max(opened.loud, data.played);
  if (opened.socket.readyState === WebSocket.OPEN) opened.socket.send(data.pcm);
  /* How many frames of the agent's speech came out of the loudspeaker. */
  if (data.played > 0.001) phone.dataset.played = String((opened.played += 1));
}

function fromAgent(opened, data) {
  if (typeof data !== "string") return opened.worklet.port.postMessage(data, [data]);
  const message = JSON.parse(data);
  if (message.event === "clear") opened.worklet.port.postMessage("clear");
  if (message.event === "started") started(message.url);
}

function started(url) {
  show(true);
  say("Connected. Speak.");
  /* The call's page, live: transcript, state, and after the call what was found. */
  window.htmx.ajax("GET", url, { target: "#talk-call", swap: "innerHTML", select: "#call" }).then(() => import(phone.dataset.callPage));
}

function over(opened, code) {
  clearInterval(opened.meter);
  for (const track of opened.stream.getTracks()) track.stop();
  opened.context.close();
  line = null;
  show(false);
  say("The call has ended.");
  if (CLOSES[code]) fail(CLOSES[code]);
  else if (code !== 1000 && code !== 1005) fail("The connection was lost. Call again.");
}

function paint(opened) {
  $("microphone").value = opened.heard;
  $("speaker").value = opened.loud;
  opened.heard = opened.loud = 0;
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
    fail("Browsers give the microphone only to pages over HTTPS, or on this machine itself (http://127.0.0.1). Open Klix over HTTPS to talk.");
    return;
  }
  $("talk").disabled = false;
  $("talk").addEventListener("click", call);
  $("leave").addEventListener("click", () => line?.socket.close(1000));
  document.addEventListener("klix:news", reply);
}

if (phone) begin();
document.documentElement.dataset.ready = "talk";
