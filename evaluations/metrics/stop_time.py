"""Stop time (yield): how fast the agent falls silent when the caller interrupts it."""

from calls.states import Side
from evaluations.floor import Interruption, floor
from evaluations.metrics.registry import (
    QUANTILES,
    Limit,
    Occurrence,
    Reading,
    few,
    metric,
    missing_sides,
    quantiles,
    seconds,
)
from evaluations.record import CallRecord
from evaluations.wording import Count, Things, quantiles_read


@metric(
    "stop_time",
    label="Stop time",
    unit="s",
    version=2,
    definition="From the start of each caller interruption until the agent is silent (for at least 600 ms) before the "
    "caller ends. An agent that has not yielded within 2 s, or not before the caller ended, talked over the caller: "
    "those are counted apart and not among the times. The value is the median.",
    limits={"p95": Limit(maximum=0.6), "talked_over": Limit(maximum=0)},
    parts={**QUANTILES, "talked_over": ""},
    reads={
        **quantiles_read(Things("stop time", "stop times")),
        "talked_over": Count(
            Things("interruption that the agent talked over", "interruptions that the agent talked over")
        ),
    },
)
def stop_time(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    found = floor(record).interruptions(Side.CALLER)
    if not found:
        return Reading(None, note="The caller never interrupted the agent.")
    times = [seconds(each.stop_ms) for each in found if each.stop_ms is not None]
    parts = {"talked_over": float(len(found) - len(times))}
    where = tuple(_occurrence(each) for each in found)
    if not times:
        return Reading(None, 0, "The agent talked over each interruption.", parts, where)
    parts |= quantiles(times)
    return Reading(parts["p50"], len(times), few(len(times)), parts, where)


def _occurrence(found: Interruption) -> Occurrence:
    start_ms = found.utterance.start_ms
    if found.stop_ms is None:
        end_ms = min(found.cut.end_ms, found.own_turn.end_ms)
        return Occurrence(start_ms, end_ms, None, Side.AGENT, "talked over")
    return Occurrence(start_ms, found.cut.end_ms, seconds(found.stop_ms), Side.AGENT)
