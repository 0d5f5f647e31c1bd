/* A short word about what was just done. */
let timer;

export function say(words) {
  const toast = document.getElementById("toast");
  toast.textContent = words;
  clearTimeout(timer);
  timer = setTimeout(() => (toast.textContent = ""), 2200);
}

export const clock = (seconds, digits = 0) =>
  `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0")}`;
