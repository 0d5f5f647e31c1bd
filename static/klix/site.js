/* What every page does. */
import { listen as listenForTheme } from "./appearance.js";
import { listen as listenForKeys } from "./shortcuts.js";
import { listen as listenForNews } from "./live.js";
import { listen as listenForSends } from "./sending.js";

listenForTheme();
listenForKeys();
listenForNews();
listenForSends();
document.documentElement.dataset.ready = "site";
