/* Hearing a voice without leaving the page, of a form of its own or by a button of the form that chooses it; without a
   script the answer is the sound itself. */
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
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button");
    if (!form.matches("[data-hear]") && !button.matches("[data-hear]")) return;
    event.preventDefault();
    hear(form, button, button.hasAttribute("formaction") ? button.formAction : form.action);
  });
}
