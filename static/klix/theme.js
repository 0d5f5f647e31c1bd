/* Runs before the first paint, so that a stored theme never flashes. A classic script, because a module would wait. */
(function () {
  try {
    var theme = localStorage.getItem("theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch (error) {
    /* Storage is blocked: the system's theme it is. */
  }
})();
