"""Speaking: whether the agent's voice says what the agent wrote."""

import jiwer

from calls.states import Side
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric
from evaluations.record import CallRecord
from evaluations.wording import Amount, Count, Things
from evaluations.words import normalised_words


@metric(
    "speaking",
    label="Speaking",
    unit="%",
    version=1,
    definition="Word error rate of what other ears understood of the agent's audio against the agent's text (of a cut "
    "reply, the part that was played), over all its turns; compared as for Hearing. It holds the errors of those ears "
    "too. Off unless KLIX_MEASURE_EARS names them.",
    limits={"value": Limit(maximum=5)},
    parts={"words": ""},
    reads={
        "value": Amount(
            "The word error rate of what other ears heard in {things}", Things("agent turn", "agent turns")
        ),
        "words": Count(Things("word compared", "words compared")),
    },
)
def speaking(record: CallRecord) -> Reading:
    if record.reheard is None:
        return Reading(None, note="No ears are set to check the agent's voice (KLIX_MEASURE_EARS).")
    turns = [t for t in record.turns if t.side is Side.AGENT and t.id in record.reheard and normalised_words(t.said)]
    if not turns:
        return Reading(None, note="There is no text and audio of the agent to compare.")
    written = [" ".join(normalised_words(turn.said)) for turn in turns]
    heard = [" ".join(normalised_words(record.reheard[turn.id])) for turn in turns]
    where = tuple(
        Occurrence(turn.start_ms, turn.end_ms, round(100 * jiwer.wer(a, b), 2), Side.AGENT)
        for turn, a, b in zip(turns, written, heard, strict=True)
        if a != b
    )
    words = float(sum(len(text.split()) for text in written))
    return Reading(round(100 * jiwer.wer(written, heard), 2), len(turns), "", {"words": words}, where)
