"""Provider times: how long each provider says (or is seen) to have taken. They stand beside the reply time."""

from typing import Final

from calls.states import Side
from evaluations.metrics.registry import QUANTILES, Occurrence, Reading, few, metric, quantiles, seconds
from evaluations.record import CallRecord
from evaluations.wording import Things, quantiles_read

ASIDE: Final = " Never part of the reply time, which is measured on the recording."


def _times(record: CallRecord, side: Side, name: str) -> Reading:
    """Of the turns of `side` that carry the latency `name`, in milliseconds."""
    timed = [turn for turn in record.turns if turn.side is side and name in turn.latencies]
    if not timed:
        return Reading(None, note="No provider time is known: Klix did not run this part of the agent.")
    times = [seconds(turn.latencies[name]) for turn in timed]
    parts = quantiles(times)
    where = tuple(Occurrence(t.start_ms, t.end_ms, time, side) for t, time in zip(timed, times, strict=True))
    return Reading(parts["p50"], len(times), few(len(times)), parts, where)


@metric(
    "ears_time",
    label="Speech-to-text time",
    unit="s",
    version=1,
    definition="From the end of each caller turn, as the agent's ears noticed it, to its transcript." + ASIDE,
    parts=QUANTILES,
    reads=quantiles_read(Things("speech-to-text time", "speech-to-text times")),
)
def ears_time(record: CallRecord) -> Reading:
    return _times(record, Side.CALLER, "stt_ms")


@metric(
    "brain_time",
    label="Brain's first token",
    unit="s",
    version=1,
    definition="From the request for each agent turn to the first of its words." + ASIDE,
    parts=QUANTILES,
    reads=quantiles_read(Things("time to the brain's first token", "times to the brain's first token")),
)
def brain_time(record: CallRecord) -> Reading:
    return _times(record, Side.AGENT, "brain_first_token_ms")


@metric(
    "voice_time",
    label="Voice's first byte",
    unit="s",
    version=1,
    definition="From the first sentence of each agent turn to the first of its audio." + ASIDE,
    parts=QUANTILES,
    reads=quantiles_read(Things("time to the voice's first byte", "times to the voice's first byte")),
)
def voice_time(record: CallRecord) -> Reading:
    return _times(record, Side.AGENT, "tts_first_byte_ms")
