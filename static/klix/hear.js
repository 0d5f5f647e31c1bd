/* Hearing a voice without leaving the page; without a script the form answers with the sound itself. */
import { say } from "./toast.js";

let playing = null;

async function hear(form) {
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
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
    hear(event.target);
  });
}
