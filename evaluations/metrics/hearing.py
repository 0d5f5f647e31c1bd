"""Hearing: how well the agent's side understood the caller's words."""

import jiwer

from calls.states import Side
from evaluations.metrics.registry import Limit, Occurrence, Reading, metric
from evaluations.record import CallRecord, TurnRecord
from evaluations.wording import Amount, Count, Things
from evaluations.words import entity_words, normalised_words


@metric(
    "hearing",
    label="Hearing",
    unit="%",
    version=1,
    definition="Word error rate (substitutions, deletions and insertions per known word) of what was transcribed of "
    "the caller against what the caller is known to have said, over all turns where that is known; case, punctuation, "
    "contractions and the writing of numbers do not count. Entities: the share of numbers, names and dates (and words "
    "of the persona's facts) that were not heard.",
    limits={"value": Limit(maximum=10), "entities": Limit(maximum=10)},
    parts={"entities": "%", "entity_words": "", "words": ""},
    reads={
        "value": Amount("The word error rate of what was heard in {things}", Things("caller turn", "caller turns")),
        "entities": Amount("The share of numbers, names and dates that were not heard"),
        "entity_words": Count(Things("number, name or date compared", "numbers, names and dates compared")),
        "words": Count(Things("word compared", "words compared")),
    },
)
def hearing(record: CallRecord) -> Reading:
    known = [t for t in record.turns if t.side is Side.CALLER and normalised_words(t.reference)]
    if not known:
        return Reading(None, note="What the caller said is not known (no script or speech input).")
    pairs = [(" ".join(normalised_words(t.reference)), " ".join(normalised_words(t.text))) for t in known]
    output = jiwer.process_words([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    entities = [_entity_errors(turn, index, output, record) for index, turn in enumerate(known)]
    parts = {"words": float(sum(len(words) for words in output.references))}
    if all_entities := sum(count for count, _ in entities):
        missed = sum(errors for _, errors in entities)
        parts |= {"entity_words": float(all_entities), "entities": round(100 * missed / all_entities, 2)}
    where = tuple(_occurrence(turn, *pair) for turn, pair in zip(known, pairs, strict=True) if pair[0] != pair[1])
    return Reading(round(100 * output.wer, 2), len(known), "", parts, where)


def _entity_errors(turn: TurnRecord, index: int, output: jiwer.WordOutput, record: CallRecord) -> tuple[int, int]:
    """How many entity words the turn's reference has, and how many of them were not heard."""
    is_entity = entity_words(turn.reference, record.facts)
    heard = {
        position
        for chunk in output.alignments[index]
        if chunk.type == "equal"
        for position in range(chunk.ref_start_idx, chunk.ref_end_idx)
    }
    return len(is_entity), len(is_entity - heard)


def _occurrence(turn: TurnRecord, reference: str, heard: str) -> Occurrence:
    rate = round(100 * jiwer.wer(reference, heard), 2)
    return Occurrence(turn.start_ms, turn.end_ms, rate, Side.CALLER)
