/* Sending: a form goes once, and a request that failed offers to be made again with what was entered kept. */
function once(event) {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = "1";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
}

function failed(event) {
  const from = event.detail.elt;
  document.getElementById("failed")?.remove();
  const note = document.createElement("p");
  note.id = "failed";
  note.className = "note error";
  note.setAttribute("role", "alert");
  const status = event.detail.xhr?.status;
  note.append(status ? `The server answered ${status}. ` : "The server cannot be reached. ");
  const retry = document.createElement("button");
  retry.type = "button";
  retry.className = "lnk";
  retry.textContent = "Try again";
  retry.addEventListener("click", () => {
    note.remove();
    if (from.isConnected) from.matches("form") ? from.requestSubmit() : from.dispatchEvent(new Event("resync"));
  });
  note.append(retry);
  document.getElementById("main").prepend(note);
}

export function listen() {
  document.addEventListener("submit", once);
  /* Back from the next page, the form may be sent again. */
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
  });
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", (event) => document.getElementById("connection")?.hidden !== false && failed(event));
}
