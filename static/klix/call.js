/* The page of one call. Its parts are replaced when there is news: nothing here holds on to an element. */
import "./site.js";
import { listen as listenForTimeline, draw } from "./timeline.js";
import { listen as listenForPlayer, paint, seek } from "./player.js";
import { listen as listenForTranscript } from "./transcript.js";
import { listen as listenForFindings } from "./findings.js";
import { listen as listenForStereo } from "./stereo.js";

function fresh() {
  draw();
  paint();
}

listenForPlayer();
listenForTimeline();
listenForTranscript();
listenForFindings();
listenForStereo();
document.addEventListener("htmx:oobAfterSwap", fresh);
fresh();

const asked = Number(new URLSearchParams(location.search).get("t"));
if (asked > 0) seek(asked);
document.documentElement.dataset.ready = "call";
