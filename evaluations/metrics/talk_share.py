"""Talk share: how much of the talking is the agent's."""

from calls.states import Side
from evaluations.metrics.registry import Limit, Reading, metric, missing_sides, seconds, speech_ms
from evaluations.record import CallRecord
from evaluations.wording import Amount, Share


@metric(
    "talk_share",
    label="Talk share",
    unit="",
    version=2,
    definition="The agent's speech as a share of all speech, 0 to 1. Speech at the same time counts for both.",
    limits={"value": Limit(0.4, 0.65)},
    parts={"agent": "s", "caller": "s"},
    reads={
        "value": Share("The agent's share of the talking"),
        "agent": Amount("The agent's time of speaking"),
        "caller": Amount("The caller's time of speaking"),
    },
)
def talk_share(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    agent_ms, caller_ms = speech_ms(record, Side.AGENT), speech_ms(record, Side.CALLER)
    if not agent_ms + caller_ms:
        return Reading(None, note="Nobody spoke.")
    parts = {"agent": seconds(agent_ms), "caller": seconds(caller_ms)}
    return Reading(round(agent_ms / (agent_ms + caller_ms), 3), len(record.agent + record.caller), parts=parts)
