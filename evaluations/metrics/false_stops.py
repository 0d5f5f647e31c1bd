"""False stops: the agent falls silent for a "mhm" or a cough."""

from typing import Final

from calls.states import Side
from evaluations.floor import Floor, Stretch, floor
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric, missing_sides, seconds
from evaluations.record import CallRecord
from evaluations.wording import Count, Things

REACTION_MS: Final = 1000


@metric(
    "false_stops",
    label="False stops",
    unit="",
    version=2,
    definition="How often the agent fell silent during a backchannel of the caller or a noise taken for speech, or "
    "within 1 s after it, stayed silent for at least 600 ms, and was itself the next to speak. n counts the "
    "backchannels.",
    limits={"value": Limit(maximum=0)},
    reads={"value": Count(Things("false stop", "false stops"), Things("backchannel", "backchannels"))},
)
def false_stops(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    talk = floor(record)
    backchannels = talk.backchannels[Side.CALLER]
    stops = {stop.start_ms: stop for each in backchannels if (stop := _false_stop(each, talk))}
    return Reading(len(stops), len(backchannels), occurrences=tuple(stops.values()))


def _false_stop(backchannel: Stretch, talk: Floor) -> Occurrence | None:
    spoken = talk.utterances[Side.AGENT]
    held = next(each for each in spoken if each.start_ms < backchannel.start_ms < each.end_ms)
    if held.end_ms > backchannel.end_ms + REACTION_MS:
        return None
    agent_ms = next((each.start_ms for each in spoken if each.start_ms > held.end_ms), None)
    caller_ms = next((m.start_ms for m in talk.moves(Side.CALLER) if m.start_ms > backchannel.start_ms), None)
    if agent_ms is None or (caller_ms is not None and caller_ms < agent_ms):
        return None
    return Occurrence(held.end_ms, agent_ms, seconds(agent_ms - held.end_ms), Side.AGENT)
