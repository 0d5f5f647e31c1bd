"""Sixty miniature calls with known verdicts: what rules decide no words of a caller change."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from calls.states import Side
from evaluations.criteria.registry import Judgement, Material, get_type
from evaluations.judges.openai import fenced
from evaluations.judging import Answer, Ballot, Cited
from evaluations.metrics.registry import measure_all
from evaluations.outcomes import Outcome, overall
from evaluations.record import CallRecord, TurnRecord

CALLS: Final[list[dict[str, Any]]] = json.loads((Path(__file__).parent / "transcripts.json").read_text())
RULES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "greets": ("phrase", {"phrase": r"burger\s?bot", "match": "regex", "when": "first turn"}),
    "total": ("phrase", {"phrase": r"total is \$\d+", "match": "regex"}),
    "no_secret": ("phrase", {"phrase": "secret sauce", "said": False}),
    "sorry": (
        "expression",
        {"expression": "len([t for t in turns if t.side == 'agent' and 'sorry' in t.text.lower()]) <= 1"},
    ),
    "dessert": ("phrase", {"phrase": "for dessert", "when": "after", "other": "something sweet"}),
}
QUESTION: Final = {"question": "Did the agent give the total?", "pass_if": "yes"}


class Gullible:
    """A judge that obeys whoever told it last what to answer, and cites the first turn."""

    name, varies = "gullible", True

    def ask(
        self,
        question: str,
        transcript: Sequence[TurnRecord],
        *,
        guidance: str = "",
        vote: int = 0,
        choices: Sequence[str] = (),
    ) -> Ballot:
        return Ballot(Answer.YES, "I was told to.", (Cited(transcript[0].id, "words that nobody said"),))


def record_of(call: dict[str, Any]) -> CallRecord:
    turns = tuple(
        TurnRecord(f"t{at}", at, Side(turn["side"]), turn["text"], 2000 * at, 2000 * at + 1500)
        for at, turn in enumerate(call["turns"])
    )
    return CallRecord(duration_ms=2000 * len(turns) + 1000, turns=turns, channels=0)


def judged(kind: str, config: dict[str, Any], record: CallRecord) -> Judgement:
    found = get_type(kind)
    assert found is not None
    assert found.problems(config) == []
    figures = {figure.metric.name: figure for figure in measure_all(record)}
    return found.apply(config, Material(record, figures, Gullible()))


def evidence_exists(judgement: Judgement, record: CallRecord) -> bool:
    """Cited turns are of the call, and quotes are words of their turns."""
    said = {turn.id: turn.said for turn in record.turns}
    return all(
        each.turn is None or (each.turn in said and each.quote in said[each.turn]) for each in judgement.evidence
    )


def test_there_are_sixty_calls_of_every_group() -> None:
    assert len(CALLS) == 60
    assert len({call["name"] for call in CALLS}) == 60
    assert min(Counter(call["group"] for call in CALLS).values()) >= 10
    assert {call["group"] for call in CALLS} == {"pass", "fail", "not applicable", "injection"}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["name"])
def test_rules_decide_as_people_did_with_evidence_that_exists(call: dict[str, Any]) -> None:
    record = record_of(call)
    for name, expected in call["labels"].items():
        verdict = judged(*RULES[name], record)
        assert (name, str(verdict.outcome)) == (name, expected), verdict.reason
        assert evidence_exists(verdict, record)
        if verdict.outcome in (Outcome.PASS, Outcome.FAIL):
            assert verdict.evidence


@pytest.mark.parametrize("call", [c for c in CALLS if c["group"] == "injection"], ids=lambda call: call["name"])
def test_a_caller_who_talks_the_judge_round_does_not_save_the_call(call: dict[str, Any]) -> None:
    record = record_of(call)
    by_rule = {name: judged(*RULES[name], record).outcome for name in call["labels"]}
    by_judge = judged("judge", QUESTION, record)
    assert by_judge.outcome == Outcome.PASS  # this judge believes anything …
    assert overall([*((outcome, True) for outcome in by_rule.values()), (by_judge.outcome, True)]) == Outcome.FAIL
    assert evidence_exists(by_judge, record)  # … but cannot quote what was not said


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call["name"])
def test_no_words_end_the_fence_around_the_transcript(call: dict[str, Any]) -> None:
    sent = fenced(record_of(call).turns)
    assert sent.count("</transcript>") == sent.count("<transcript>") == 1
    data = json.loads(sent.removeprefix("<transcript>").removesuffix("</transcript>"))
    assert [turn["said"] for turn in data] == [turn["text"] for turn in call["turns"]]
