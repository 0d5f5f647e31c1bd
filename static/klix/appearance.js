/* The theme: the system's, light or dark, in this order at each press. theme.js applies the stored one. */
import { say } from "./toast.js";

const THEMES = ["system", "light", "dark"];

function stored() {
  try {
    return localStorage.getItem("theme") ?? "system";
  } catch {
    return document.documentElement.dataset.theme ?? "system";
  }
}

function store(theme) {
  try {
    if (theme === "system") localStorage.removeItem("theme");
    else localStorage.setItem("theme", theme);
  } catch {
    /* Storage is blocked: the choice holds for this page. */
  }
}

function apply(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll('[data-act="theme"]')) {
    button.setAttribute("aria-label", `Theme: ${theme}`);
    button.hidden = false;
  }
}

export function listen() {
  apply(stored());
  document.addEventListener("click", (event) => {
    if (!event.target.closest('[data-act="theme"]')) return;
    const theme = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length];
    store(theme);
    apply(theme);
    say(`Theme: ${theme}`);
  });
}
