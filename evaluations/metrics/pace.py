"""Pace: how fast each side speaks."""

from typing import Final

from calls.states import Side
from evaluations.metrics.registry import Limit, Reading, metric, missing_sides, speech_ms
from evaluations.record import CallRecord
from evaluations.wording import Amount

SHORT_MS: Final = 5000


@metric(
    "pace",
    label="Pace",
    unit="words/min",
    version=2,
    definition="Words of the transcript that were heard, per minute of that side's speech (its pauses of 200 ms and "
    "more left out). The value is the agent's.",
    limits={"agent": Limit(120, 180)},
    parts={"agent": "words/min", "caller": "words/min"},
    reads={
        "value": Amount("The agent's pace"),
        "agent": Amount("The agent's pace"),
        "caller": Amount("The caller's pace"),
    },
)
def pace(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    parts = {str(side): rate for side in Side if (rate := _words_per_minute(record, side))}
    if "agent" not in parts:
        return Reading(None, note="There is no transcript of what the agent said.", parts=parts)
    note = "The agent spoke for less than 5 s." if speech_ms(record, Side.AGENT) < SHORT_MS else ""
    return Reading(parts["agent"], _words(record, Side.AGENT), note, parts)


def _words(record: CallRecord, side: Side) -> int:
    return sum(len(turn.said.split()) for turn in record.turns if turn.side is side)


def _words_per_minute(record: CallRecord, side: Side) -> float | None:
    spoken_ms = speech_ms(record, side)
    words = _words(record, side)
    return round(60_000 * words / spoken_ms, 1) if words and spoken_ms else None
