/* Hearing a voice without leaving the page, of a form of its own (without a script it answers with the sound itself) or
   by a button of the form that chooses it. */
import { say } from "./toast.js";

let playing = null;

async function hear(form, button, url) {
  button.disabled = true;
  try {
    const answer = await fetch(url, { method: "POST", body: new FormData(form) });
    if (!answer.ok) return say(answer.status === 403 ? "You may not try voices" : await answer.text());
    playing?.pause();
    playing = new Audio(URL.createObjectURL(await answer.blob()));
    await playing.play();
  } catch {
    say("The voice could not be heard");
  } finally {
    button.disabled = false;
  }
}

export function listen() {
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-hear]")) return;
    event.preventDefault();
    hear(event.target, event.target.querySelector("button"), event.target.action);
  });
  /* No button that sends its form: Enter in a field would press the first of those. */
  for (const button of document.querySelectorAll("button[data-hear]")) {
    button.hidden = false;
    button.addEventListener("click", () => hear(button.form, button, button.dataset.hear));
  }
}
