"""Interruptions: a side takes the floor while the other still speaks."""

from calls.states import Side
from evaluations.floor import Interruption, floor
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord
from evaluations.wording import Amount, Count, Reads, Things

RULE = (
    "begins at least 300 ms before the end of the {other}'s turn and overlaps it by at least 300 ms. A backchannel (at "
    "most 1 s, and the speaker goes on) is none. The rate is per {other} turn."
)


def _reads(by: str, other: str) -> dict[str, Reads]:
    who, turns = f"by the {by}", Things(f"{other} turn", f"{other} turns")
    return {
        "value": Count(Things(f"interruption {who}", f"interruptions {who}"), turns),
        "rate": Amount(f"The number of interruptions {who} per {other} turn"),
    }


@metric(
    "agent_interruptions",
    label="Agent interruptions",
    unit="",
    version=2,
    definition="How often the agent " + RULE.format(other="caller"),
    limits={"value": Limit(maximum=0)},
    parts={"rate": ""},
    reads=_reads("agent", "caller"),
)
def agent_interruptions(record: CallRecord) -> Reading:
    return _interruptions(record, Side.AGENT)


@metric(
    "caller_interruptions",
    label="Caller interruptions",
    unit="",
    version=2,
    definition="How often the caller (barge-in) " + RULE.format(other="agent"),
    parts={"rate": ""},
    reads=_reads("caller", "agent"),
)
def caller_interruptions(record: CallRecord) -> Reading:
    return _interruptions(record, Side.CALLER)


def _interruptions(record: CallRecord, by: Side) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    talk = floor(record)
    turns = len(talk.turns[by.other])
    if not turns:
        return Reading(None, note=f"The {by.other} never took a turn.")
    found = talk.interruptions(by)
    where = tuple(_occurrence(each) for each in found)
    return Reading(len(found), turns, parts={"rate": round(len(found) / turns, 3)}, occurrences=where)


def _occurrence(found: Interruption) -> Occurrence:
    start_ms = found.utterance.start_ms
    end_ms = min(found.utterance.end_ms, found.turn.end_ms)
    return Occurrence(start_ms, end_ms, seconds(end_ms - start_ms), found.utterance.side)
