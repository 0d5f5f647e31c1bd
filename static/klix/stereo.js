/* Hearing one side alone: the channels are split when that is first asked for. */
import { audio } from "./player.js";
import { onKey } from "./shortcuts.js";

let graph = null;

function build(element) {
  const context = new AudioContext();
  const splitter = context.createChannelSplitter(2);
  const merger = context.createChannelMerger(2);
  const gains = [0, 1].map((channel) => {
    const gain = context.createGain();
    splitter.connect(gain, channel);
    gain.connect(merger, 0, 0);
    gain.connect(merger, 0, 1);
    return gain;
  });
  context.createMediaElementSource(element).connect(splitter);
  merger.connect(context.destination);
  return { context, gains, element };
}

function hear(side) {
  const element = audio();
  if (!element || !document.querySelector("[data-ch]")) return; // a mono recording has no sides
  if (graph?.element !== element) graph = build(element);
  graph.context.resume();
  graph.gains[0].gain.value = side === "agent" ? 0 : 1;
  graph.gains[1].gain.value = side === "caller" ? 0 : 1;
  for (const button of document.querySelectorAll("[data-ch]")) {
    button.setAttribute("aria-pressed", String(button.dataset.ch === side));
  }
  document.querySelector(".wave.caller")?.classList.toggle("dim", side === "agent");
  document.querySelector(".wave.agent")?.classList.toggle("dim", side === "caller");
}

export function listen() {
  onKey("1", () => hear("both"));
  onKey("2", () => hear("caller"));
  onKey("3", () => hear("agent"));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-ch]");
    if (button) hear(button.dataset.ch);
  });
}
