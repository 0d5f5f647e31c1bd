"""What the page of a call tells of its providers: how long they took, Klix's own time apart, and what failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from calls.costs import PROVIDER_USED, CallCost, cost_of
from calls.functions import NOTES, Function, functions_of
from calls.models import Call, CallEvent, Turn
from calls.notices import ProviderNotice, notices_of
from calls.states import Side
from evaluations.causes import LEFT

PROVIDER_FAILED: Final = "ProviderFailed"
LEFT_WORDS: Final = {
    "script_left": "It left its script: nothing that was said led on.",
    "left_role": "It left its role.",
    "script_loop": "Its script went round in circles.",
    "interruption_missed": "It did not come to interrupt, as it was to.",
}
# (side whose turns carry it, name, label); the last one is Klix itself.
TIMES: Final = (
    (Side.CALLER, "stt_ms", "Speech to text"),
    (Side.AGENT, "brain_first_token_ms", "Brain, first words"),
    (Side.AGENT, "brain_first_sentence_ms", "Brain, first sentence"),
    (Side.AGENT, "tts_first_byte_ms", "Voice, first sound"),
    (Side.AGENT, "brain_first_audio_ms", "Speech to speech, first sound"),
    (Side.AGENT, "own_ms", "Klix's own"),
)


@dataclass(frozen=True, slots=True)
class ProviderTime:
    label: str
    n: int
    p50_ms: float
    p95_ms: float
    is_own: bool


def provider_times(turns: Iterable[Turn]) -> list[ProviderTime]:
    """Of the agent's replies, and of its hearing of the caller's turns. Empty for a call that Klix did not hold."""
    turns, found = list(turns), []
    for side, name, label in TIMES:
        values = [float(turn.latencies[name]) for turn in turns if turn.side == side and name in turn.latencies]
        if values:
            p50, p95 = (float(np.percentile(values, q)) for q in (50, 95))
            found.append(ProviderTime(label, len(values), p50, p95, name == "own_ms"))
    return found


def _left(events: Iterable[CallEvent]) -> list[ProviderNotice]:
    """Where a simulated caller was not what it was to be: that says something of the call even if it passed."""
    left = [event for event in events if event.name in LEFT and event.side in ("", Side.CALLER)]
    told = [ProviderNotice("simulated caller", "", LEFT_WORDS[e.name], str(e.data.get("words", ""))) for e in left]
    return list(dict.fromkeys(told))


@dataclass(frozen=True, slots=True)
class ToldByEvents:
    cost: CallCost
    notices: list[ProviderNotice]
    functions: list[Function]


def told_by_events(call: Call) -> ToldByEvents:
    """In one query."""
    events = list(call.events.filter(name__in=(PROVIDER_USED, PROVIDER_FAILED, *NOTES, *LEFT)).order_by("id"))
    return ToldByEvents(
        cost_of(event.data for event in events if event.name == PROVIDER_USED),
        [*notices_of(event.data for event in events if event.name == PROVIDER_FAILED), *_left(events)],
        functions_of(event for event in events if event.name in NOTES),
    )
