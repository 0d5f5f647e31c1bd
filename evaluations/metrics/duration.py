"""Duration: how long the call lasted."""

from evaluations.metrics.registry import Reading, metric, seconds
from evaluations.record import CallRecord
from evaluations.wording import Amount


@metric(
    "duration",
    label="Duration",
    unit="s",
    version=1,
    definition="From the answer (the start of the media stream) to the end of the recording, or of the call where "
    "nothing was recorded.",
    reads={"value": Amount("The call's length")},
)
def duration(record: CallRecord) -> Reading:
    if not record.duration_ms:
        return Reading(None, note="The call has no known length.")
    return Reading(seconds(record.duration_ms), 1)
