"""Reply time (response latency): how long the caller waits for each answer."""

from calls.states import Side
from evaluations.floor import Reply, floor
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
from evaluations.record import CallRecord, EventRecord
from evaluations.wording import Amount, Count, Things, quantiles_read


@metric(
    "reply_time",
    label="Reply time",
    unit="s",
    version=3,
    definition="From the end of each caller turn to the start of the agent's next speech, on the recording. Signed: an "
    "agent that begins before the caller has finished counts as negative. The value is the median; percentiles by "
    "linear interpolation. Replies after a tool call are also counted apart.",
    limits={"p50": Limit(maximum=1.2), "p95": Limit(maximum=2.0)},
    parts={**QUANTILES, "after_tool_n": "", "after_tool_p50": "s", "after_tool_max": "s"},
    reads={
        **quantiles_read(Things("reply time", "reply times")),
        "after_tool_n": Count(Things("reply after a tool call", "replies after a tool call")),
        "after_tool_p50": Amount("The median reply time after a tool call"),
        "after_tool_max": Amount("The longest reply time after a tool call"),
    },
)
def reply_time(record: CallRecord) -> Reading:
    if note := missing_sides(record):
        return Reading(None, note=note)
    replies = floor(record).replies(Side.AGENT)
    if not replies:
        return Reading(None, note="The agent replied to no caller turn.")
    parts = quantiles([seconds(reply.delay_ms) for reply in replies])
    parts |= _after_tools(record, replies)
    where = tuple(_occurrence(reply, record) for reply in replies)
    return Reading(parts["p50"], len(replies), few(len(replies)), parts, where)


def _after_tools(record: CallRecord, replies: tuple[Reply, ...]) -> dict[str, float]:
    delays = [seconds(reply.delay_ms) for reply in replies if _used_tool(reply, record)]
    if not delays:
        return {}
    shares = quantiles(delays)
    return {"after_tool_n": len(delays), "after_tool_p50": shares["p50"], "after_tool_max": shares["max"]}


def _occurrence(reply: Reply, record: CallRecord) -> Occurrence:
    ends = sorted((reply.turn.end_ms, reply.utterance.start_ms))
    note = "after a tool call" if _used_tool(reply, record) else ""
    return Occurrence(ends[0], ends[1], seconds(reply.delay_ms), Side.AGENT, note)


def _used_tool(reply: Reply, record: CallRecord) -> bool:
    """Whether the agent called a tool between the caller's turn and its own speech."""
    return any(
        _is_tool_call(event) and reply.turn.end_ms <= event.at_ms <= reply.utterance.start_ms
        for event in record.events
        if event.at_ms is not None
    )


def _is_tool_call(event: EventRecord) -> bool:
    return event.side in ("", Side.AGENT) and event.name == "tool_called"
