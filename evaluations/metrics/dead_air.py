"""Dead air: the line on which nobody speaks."""

from typing import Final

from evaluations.metrics.registry import NO_RECORDING, Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord, Segment
from evaluations.wording import Amount, Count, Things

DEAD_MS: Final = 3000


@metric(
    "dead_air",
    label="Dead air",
    unit="",
    version=2,
    definition="How often neither side speaks for more than 3 s, from the answer to the end of the call; with the "
    "total and the longest of these silences.",
    limits={"value": Limit(maximum=0)},
    parts={"total": "s", "longest": "s"},
    reads={
        "value": Count(Things("stretch of dead air", "stretches of dead air")),
        "total": Amount("All dead air together"),
        "longest": Amount("The longest dead air"),
    },
)
def dead_air(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    if not record.duration_ms:
        return Reading(None, note=NO_RECORDING)
    dead = [silence for silence in _silences(record) if silence.duration_ms > DEAD_MS]
    lengths = [seconds(silence.duration_ms) for silence in dead]
    parts = {"total": round(sum(lengths), 3), "longest": max(lengths, default=0.0)}
    where = tuple(Occurrence(each.start_ms, each.end_ms, seconds(each.duration_ms)) for each in dead)
    return Reading(len(dead), len(dead), parts=parts, occurrences=where)


def _silences(record: CallRecord) -> list[Segment]:
    found, silent_from_ms = [], 0
    for segment in sorted(record.caller + record.agent, key=lambda segment: segment.start_ms):
        if segment.start_ms > silent_from_ms:
            found.append(Segment(silent_from_ms, segment.start_ms))
        silent_from_ms = max(silent_from_ms, segment.end_ms)
    if record.duration_ms > silent_from_ms:
        found.append(Segment(silent_from_ms, record.duration_ms))
    return found
