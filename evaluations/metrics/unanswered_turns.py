"""Unanswered turns: the caller finished and nobody took the call on."""

from typing import Final

from calls.states import Side
from evaluations.floor import TURN_GAP_MS, Floor, Stretch, floor
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord
from evaluations.wording import Count, Share, Things

PATIENCE_MS: Final = 5000


@metric(
    "unanswered_turns",
    label="Unanswered turns",
    unit="",
    version=2,
    definition="Caller turns after which the agent said nothing for 5 s, or until the caller spoke again after at "
    "least 1.5 s. A turn less than 5 s before the end of the call that nobody followed up counts as answered.",
    limits={"value": Limit(maximum=0)},
    parts={"rate": ""},
    reads={
        "value": Count(Things("unanswered turn", "unanswered turns"), Things("caller turn", "caller turns")),
        "rate": Share("The share of unanswered caller turns"),
    },
)
def unanswered_turns(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    talk = floor(record)
    turns = talk.turns[Side.CALLER]
    if not turns:
        return Reading(None, note="The caller never took a turn.")
    waits = [(turn, _unanswered_ms(turn, talk, record.duration_ms)) for turn in turns]
    where = tuple(
        Occurrence(turn.end_ms, turn.end_ms + wait_ms, seconds(wait_ms), Side.AGENT)
        for turn, wait_ms in waits
        if wait_ms
    )
    return Reading(len(where), len(turns), parts={"rate": round(len(where) / len(turns), 3)}, occurrences=where)


def _unanswered_ms(turn: Stretch, talk: Floor, call_end_ms: int) -> int:
    """How long the turn stood unanswered; 0 where it was answered, or the call ended too soon to tell."""
    moves = talk.moves(Side.AGENT)
    if any(move.start_ms <= turn.end_ms < move.end_ms for move in moves):
        return 0
    agent_ms = next((move.start_ms for move in moves if move.start_ms > turn.end_ms), None)
    caller_ms = talk.next_turn_ms(turn)
    spoken = [at_ms for at_ms in (agent_ms, caller_ms) if at_ms is not None]
    wait_ms = max(0, min(spoken, default=call_end_ms) - turn.end_ms)
    caller_was_next = caller_ms is not None and (agent_ms is None or caller_ms < agent_ms)
    patience_ms = TURN_GAP_MS if caller_was_next else PATIENCE_MS
    return wait_ms if wait_ms >= patience_ms else 0
