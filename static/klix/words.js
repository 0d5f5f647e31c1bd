/* The words of a turn, each with its time. The server writes the times of a stretch of words into one attribute; they
   become elements of their own when somebody points at the turn or it is heard: a long call has thousands. */
function unfold(stretch, start) {
  const offsets = stretch.dataset.w.split(" ");
  const words = stretch.textContent.trim().split(/\s+/);
  stretch.removeAttribute("data-w");
  if (words.length !== offsets.length) return;
  const pieces = words.flatMap((text, number) => {
    const word = document.createElement("span");
    word.dataset.t = (start + Number(offsets[number]) / 100).toFixed(2);
    word.textContent = text;
    return number ? [" ", word] : [word];
  });
  stretch.replaceChildren(...pieces);
}

export function wordsOf(turn) {
  for (const stretch of turn.querySelectorAll("[data-w]")) unfold(stretch, Number(turn.dataset.start));
  return [...turn.querySelectorAll("[data-t]")];
}

export function listen() {
  document.addEventListener("pointerover", (event) => {
    const turn = event.target.closest?.("#turns > .turnrow");
    if (turn) wordsOf(turn);
  });
}
