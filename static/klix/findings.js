/* Findings: jumping to one shows and sounds it, opens its verdict, and keeps it in the address. */
import { now, seek } from "./player.js";
import { onKey } from "./shortcuts.js";
import { say } from "./toast.js";
import { reveal } from "./transcript.js";

const all = () =>
  [...document.querySelectorAll(".pin")]
    .map((pin) => ({ number: pin.dataset.ev, at: Number(pin.dataset.seek) }))
    .sort((a, b) => a.at - b.at);

function show(number, at, andPlay) {
  seek(at - 0.15, andPlay);
  for (const pin of document.querySelectorAll(".pin")) pin.classList.toggle("on", pin.dataset.ev === number);
  const verdict = document.getElementById(`crit-${number}`);
  if (verdict) verdict.open = true;
  const mark = document.querySelector(`.turns mark[data-ev="${number}"]`)?.closest(".turnrow");
  const place = mark ?? document.querySelector(`.turns .gap[data-ev="${number}"]`);
  if (place) {
    reveal(place);
    place.classList.remove("flash");
    void place.offsetWidth; /* restarts the animation */
    place.classList.add("flash");
  }
  history.replaceState(null, "", `?t=${at.toFixed(1)}#crit-${number}`);
}

function next(direction) {
  const findings = all();
  if (!findings.length) return;
  const ahead = findings.find((each) => each.at > now() + 0.2) ?? findings[0];
  const behind = findings.findLast((each) => each.at < now() - 0.4) ?? findings.at(-1);
  const to = direction > 0 ? ahead : behind;
  show(to.number, to.at, false);
  say(`Finding ${to.number} of ${findings.length}`);
}

function filter(button) {
  for (const other of document.querySelectorAll("[data-f]")) other.setAttribute("aria-pressed", String(other === button));
  for (const item of document.querySelectorAll(".crits > li")) {
    item.hidden = button.dataset.f !== "all" && item.dataset.st !== button.dataset.f;
  }
}

export function listen() {
  onKey("e", () => next(1));
  onKey("E", () => next(-1));
  document.addEventListener("click", (event) => {
    const button = event.target.closest('[data-ev][data-seek], [data-act="issue"], [data-f]');
    if (!button) return;
    if (button.dataset.f) filter(button);
    else if (button.dataset.act) next(1);
    else show(button.dataset.ev, Number(button.dataset.seek), button.matches(".quote"));
  });
}
