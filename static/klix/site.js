/* What every page does. */
import { listen as listenForTheme } from "./appearance.js";
import { listen as listenForKeys } from "./shortcuts.js";
import { listen as listenForHearing } from "./hear.js";
import { listen as listenForMenus } from "./menus.js";
import { listen as listenForNews } from "./live.js";
import { listen as listenForSends } from "./sending.js";

/* A page that takes another page's module in (Talk) gets a second copy of this one: only the first listens. */
if (!("ready" in document.documentElement.dataset)) {
  listenForTheme();
  listenForKeys();
  listenForMenus();
  listenForHearing();
  listenForNews();
  listenForSends();
  document.documentElement.dataset.ready = "site";
}
