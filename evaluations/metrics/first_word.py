"""First word: how long the line is silent before the agent begins."""

from calls.states import Side
from evaluations.floor import floor
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord
from evaluations.wording import Amount


@metric(
    "first_word",
    label="First word",
    unit="s",
    version=2,
    definition="From the answer to the agent's first speech; where the caller speaks first, from the end of the "
    "caller's first turn to the agent's first speech (negative where the agent began before that end).",
    limits={"value": Limit(maximum=1.5)},
    reads={"value": Amount("The time to the agent's first word")},
)
def first_word(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    if not record.agent:
        return Reading(None, note="The agent never spoke.")
    start_ms, since_ms = record.agent[0].start_ms, 0
    turns = floor(record).turns[Side.CALLER]
    if turns and turns[0].start_ms < start_ms:
        since_ms = turns[0].end_ms
    waited = seconds(start_ms - since_ms)
    where = Occurrence(min(since_ms, start_ms), max(since_ms, start_ms), waited, Side.AGENT)
    return Reading(waited, 1, occurrences=(where,))
