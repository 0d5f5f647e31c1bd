"""Talk-over: how much of what the caller says is said under the agent's voice."""

from collections.abc import Iterable

from calls.states import Side
from evaluations.floor import Floor, Stretch, floor, overlaps
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord, Segment
from evaluations.wording import Amount


@metric(
    "talk_over",
    label="Talk-over",
    unit="%",
    version=2,
    definition="Share of the caller's speech during which the agent speaks too. Left out: backchannels of both sides, "
    "and the time that the agent takes to stop when it is interrupted (unless it talked over the interruption).",
    limits={"value": Limit(maximum=5)},
    parts={"total": "s"},
    reads={
        "value": Amount("The share of the caller's speech under the agent's voice"),
        "total": Amount("The caller's speech under the agent's voice"),
    },
)
def talk_over(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    talk = floor(record)
    caller = _speech(talk.moves(Side.CALLER))
    if not caller:
        return Reading(None, note="The caller never spoke.")
    both = overlaps(caller, _without(_speech(talk.moves(Side.AGENT)), _stops(talk)))
    total_ms = sum(each.duration_ms for each in both)
    share = 100 * total_ms / sum(each.duration_ms for each in caller)
    where = tuple(Occurrence(e.start_ms, e.end_ms, seconds(e.duration_ms), Side.AGENT) for e in both)
    return Reading(round(share, 2), len(both), parts={"total": seconds(total_ms)}, occurrences=where)


def _speech(stretches: Iterable[Stretch]) -> list[Segment]:
    return [segment for stretch in stretches for segment in stretch.segments]


def _stops(talk: Floor) -> list[Segment]:
    found = talk.interruptions(Side.CALLER)
    return [Segment(each.utterance.start_ms, each.cut.end_ms) for each in found if each.stop_ms is not None]


def _without(segments: list[Segment], holes: list[Segment]) -> list[Segment]:
    for hole in holes:
        segments = [part for segment in segments for part in _cut(segment, hole)]
    return segments


def _cut(segment: Segment, hole: Segment) -> list[Segment]:
    before = Segment(segment.start_ms, min(segment.end_ms, hole.start_ms))
    after = Segment(max(segment.start_ms, hole.end_ms), segment.end_ms)
    return [part for part in (before, after) if part.duration_ms > 0]
