/* Menus are <details>: they open without a script. Here they close again: by Escape, or by a click elsewhere. */
const open = () => [...document.querySelectorAll("details.drop[open]")];

export function listen() {
  document.addEventListener("click", (event) => {
    for (const menu of open()) {
      if (!menu.contains(event.target) || event.target.closest("a, button")) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const [menu] = open();
    if (event.key !== "Escape" || !menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
