/* A line to a call: a websocket, the audio thread, and the microphone where one is given. */
const LOUD = 0.001;

export const REFUSALS = {
  NotAllowedError: "The browser does not let this page use the microphone. Allow it in the site settings, at the left of the address bar, and call again.",
  NotFoundError: "No microphone was found. Connect one and call again.",
  NotReadableError: "The microphone is in use by another program. Close that one and call again.",
};
export const INSECURE = "Browsers give the microphone only to pages over HTTPS, or on this machine itself (http://127.0.0.1). Open Klix over HTTPS to talk.";

/* A browser gives the microphone only to pages that nobody on the way can change. */
export const isSecure = () => isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia) && "AudioWorklet" in window;

export const refusalOf = (error) => REFUSALS[error.name] ?? `The microphone cannot be used (${error.name}).`;

export async function microphone() {
  const wanted = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  return navigator.mediaDevices.getUserMedia({ audio: wanted });
}

/* `stream`: the microphone, or null to listen only. `told` gets the server's events, `closed` the code at the end. */
export async function openLine({ path, worklet, stream, cushionMs, told, closed }) {
  const context = new AudioContext();
  await context.audioWorklet.addModule(worklet);
  const phone = new AudioWorkletNode(context, "klix-phone", { outputChannelCount: [1], processorOptions: { cushionMs } });
  if (stream) context.createMediaStreamSource(stream).connect(phone);
  phone.connect(context.destination);
  await context.resume();
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
  socket.binaryType = "arraybuffer";
  /* How many frames came out of the loudspeaker, and the loudest of both ways since somebody looked. */
  const line = { frames: 0, loud: 0, heard: 0, close: () => socket.close(1000) };
  phone.port.onmessage = ({ data }) => {
    line.heard = Math.max(line.heard, data.level);
    line.loud = Math.max(line.loud, data.played);
    if (data.played > LOUD) line.frames += 1;
    if (stream && socket.readyState === WebSocket.OPEN) socket.send(data.pcm);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data !== "string") return phone.port.postMessage(data, [data]);
    const message = JSON.parse(data);
    if (message.event === "clear") phone.port.postMessage("clear");
    told(message);
  };
  socket.onclose = ({ code }) => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    context.close();
    closed(code);
  };
  return line;
}
