from typing import Any

import pytest

from agents.errors import TimedOut
from calls.states import Side
from evaluations.criteria.registry import CriterionType, Judgement, Material, all_types, get_type
from evaluations.demo import CRITERIA
from evaluations.judging import Answer, Ballot, Cited, ScriptedJudge
from evaluations.metrics.registry import measure_all
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, Segment, TurnRecord

GREETING = TurnRecord("g", 0, Side.AGENT, "Hi, this is Burger Bot! What can I get you?", 500, 3000)
ORDER = TurnRecord("o", 1, Side.CALLER, "Two burgers, please.", 4000, 5500)
TOTAL = TurnRecord("t", 2, Side.AGENT, "Two burgers. Your total is $12.50.", 6500, 9000)
RECORD = CallRecord(
    duration_ms=10_000,
    turns=(GREETING, ORDER, TOTAL),
    caller=(Segment(4000, 5500),),
    agent=(Segment(500, 3000), Segment(6500, 9000)),
)


def apply(
    kind: str, config: dict[str, Any], record: CallRecord = RECORD, judge: ScriptedJudge | None = None
) -> Judgement:
    found = get_type(kind)
    assert found is not None
    assert found.problems(config) == []
    figures = {figure.metric.name: figure for figure in measure_all(record)}
    return found.apply(config, Material(record, figures, judge))


def problems(kind: str, config: object) -> dict[str, str]:
    found = get_type(kind)
    assert found is not None
    return dict(found.problems(config))


@pytest.mark.parametrize("kind", all_types(), ids=lambda kind: kind.name)
def test_every_type_keeps_the_contract(kind: CriterionType) -> None:
    assert kind.label
    assert kind.version >= 1
    assert kind.problems(kind.example) == []
    described = kind.describe(kind.example)
    assert described.endswith(".")
    assert "\n" not in described
    assert [path for path, _ in kind.problems({**kind.example, "bogus": 1})] == ["bogus"]
    assert kind.problems([1]) == [("", "Must be an object.")]
    assert {path for path, _ in kind.problems({})} == {s.name for s in kind.settings if s.required}
    ids = {turn.id for turn in RECORD.turns}
    for record in (RECORD, CallRecord(duration_ms=0, channels=0)):
        judged = apply(kind.name, dict(kind.example), record)
        assert judged.reason
        assert judged.outcome in Outcome
        assert all(each.turn in ids | {None} and each.start_ms <= each.end_ms for each in judged.evidence)


@pytest.mark.parametrize("kind", all_types(), ids=lambda kind: kind.name)
def test_every_type_survives_values_of_any_type(kind: CriterionType) -> None:
    values: tuple[object, ...] = (None, [], {}, 7, True, "x", "", 1e300, float("nan"))
    for setting in kind.settings:
        for value in values:
            for path, message in kind.problems({**kind.example, setting.name: value}):
                assert path in {s.name for s in kind.settings}
                assert message.endswith(".")


# --- phrase -----------------------------------------------------------------------------------------------------------
def test_a_phrase_is_found_however_its_numbers_are_written() -> None:
    judged = apply("phrase", {"phrase": "total is twelve dollars and fifty cents"})
    assert judged.outcome == Outcome.PASS
    assert [(e.turn, e.start_ms, e.end_ms) for e in judged.evidence] == [("t", 6500, 9000)]


def test_a_phrase_counts_only_from_the_side_that_must_say_it() -> None:
    assert apply("phrase", {"phrase": "please", "by": "agent"}).outcome == Outcome.FAIL
    assert apply("phrase", {"phrase": "please", "by": "caller"}).outcome == Outcome.PASS
    assert apply("phrase", {"phrase": "please", "by": "anyone"}).outcome == Outcome.PASS


def test_what_was_never_played_was_never_said() -> None:
    cut = TurnRecord("c", 0, Side.AGENT, "The recipe is secret sauce.", 0, 900, heard="The recipe is")
    record = CallRecord(duration_ms=1000, turns=(cut,))
    assert apply("phrase", {"phrase": "secret sauce", "said": False}, record).outcome == Outcome.PASS


def test_a_forbidden_phrase_fails_with_its_quote() -> None:
    judged = apply("phrase", {"phrase": "burger bot", "said": False})
    assert judged.outcome == Outcome.FAIL
    assert judged.evidence[0].quote == "Burger Bot"


def test_a_phrase_missing_from_the_first_turn_points_to_that_turn() -> None:
    judged = apply("phrase", {"phrase": "total", "when": "first turn"})
    assert judged.outcome == Outcome.FAIL
    assert judged.evidence[0].turn == "g"
    assert apply("phrase", {"phrase": "total", "when": "last turn"}).outcome == Outcome.PASS


def test_a_phrase_can_have_to_come_before_or_after_another() -> None:
    before = {"phrase": "two burgers", "by": "agent", "when": "before", "other": "total"}
    assert apply("phrase", before).outcome == Outcome.PASS
    assert apply("phrase", {**before, "when": "after"}).outcome == Outcome.FAIL
    assert apply("phrase", {**before, "other": "goodbye"}).outcome == Outcome.NOT_APPLICABLE


def test_a_pattern_is_matched_without_regard_to_case() -> None:
    judged = apply("phrase", {"phrase": r"TOTAL is \$\d+\.\d\d", "match": "regex"})
    assert judged.outcome == Outcome.PASS
    assert judged.evidence[0].quote == "total is $12.50"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "Nothing that the agent said fits the pattern."),
        ({"by": "anyone"}, "Nothing that was said fits the pattern."),
        ({"when": "first turn"}, "Nothing that the agent said in the first turn fits the pattern."),
        (
            {"when": "after", "other": "tot.l"},
            "Nothing that the agent said after what the other pattern finds fits the pattern.",
        ),
        ({"when": "after", "other": "bye+"}, "Nothing that was said fits the other pattern."),
    ],
)
def test_a_pattern_that_nothing_fits_is_told_in_words(more: dict[str, Any], told: str) -> None:
    assert apply("phrase", {"phrase": r"good\s?bye", "match": "regex", **more}).reason == told


def test_a_phrase_config_is_checked() -> None:
    assert "regular expression" in problems("phrase", {"phrase": "(", "match": "regex"})["phrase"]
    assert "Name the phrase" in problems("phrase", {"phrase": "a", "when": "after"})["other"]
    assert "no word" in problems("phrase", {"phrase": "!!"})["phrase"]
    assert "one of" in problems("phrase", {"phrase": "a", "by": "operator"})["by"]


def test_an_agent_that_said_nothing_fails_what_it_must_say() -> None:
    judged = apply("phrase", {"phrase": "hello"}, CallRecord(duration_ms=6000, turns=(ORDER,)))
    assert (judged.outcome, judged.reason) == (Outcome.FAIL, "The agent said nothing at all.")


# --- metric -----------------------------------------------------------------------------------------------------------
def test_a_figure_is_held_against_its_limit_with_the_worst_place_first() -> None:
    config = {"figure": "reply_time", "part": "p95", "op": "<=", "limit": 0.9}
    judged = apply("metric", config)
    assert judged.outcome == Outcome.FAIL
    assert judged.decided_by == "metric"
    assert judged.reason == (
        "The 95th percentile of 1 reply time is 1 s; at most 0.9 s is allowed. Percentiles of only 1 value."
    )
    assert [(e.turn, e.start_ms, e.end_ms) for e in judged.evidence] == [("t", 5500, 6500)]
    assert apply("metric", {**config, "limit": 1.0}).outcome == Outcome.PASS


def test_a_limit_may_be_written_in_another_unit() -> None:
    base = {"figure": "reply_time", "part": "max", "op": "<=", "unit": "ms"}
    assert apply("metric", {**base, "limit": 1000}).outcome == Outcome.PASS
    assert apply("metric", {**base, "limit": 999}).outcome == Outcome.FAIL
    share = {"figure": "talk_share", "op": "<=", "unit": "%"}
    assert apply("metric", {**share, "limit": 77}).outcome == Outcome.PASS
    assert apply("metric", {**share, "limit": 76}).outcome == Outcome.FAIL


def test_a_figure_that_the_call_does_not_give_is_no_pass() -> None:
    stop = {"figure": "stop_time", "part": "p95", "op": "<=", "limit": 0.6}
    assert apply("metric", stop).outcome == Outcome.NOT_APPLICABLE
    mono = CallRecord(duration_ms=9000, channels=1, turns=RECORD.turns)
    assert apply("metric", stop, mono).outcome == Outcome.UNSURE


def test_a_metric_config_is_checked() -> None:
    assert "Is no figure" in problems("metric", {"figure": "charm", "limit": 1})["figure"]
    assert "Is no part" in problems("metric", {"figure": "pace", "part": "p95", "limit": 1})["part"]
    assert "Does not fit" in problems("metric", {"figure": "dead_air", "limit": 1, "unit": "s"})["unit"]
    assert "number" in problems("metric", {"figure": "pace", "limit": "fast"})["limit"]


# --- judge ------------------------------------------------------------------------------------------------------------
QUESTION = {"question": "Was the caller treated politely?"}
YES = Ballot(Answer.YES, "It said hi.", (Cited("g", "Hi, this is Burger Bot"),), "hash")
NO = Ballot(Answer.NO, "It was curt.", (Cited("t"),), "hash")


def test_without_a_judge_the_outcome_is_an_error_that_says_what_to_do() -> None:
    judged = apply("judge", QUESTION)
    assert judged.outcome == Outcome.ERROR
    assert judged.reason.startswith("No judge is configured: set KLIX_JUDGE_MODEL")


def test_the_majority_of_votes_decides_and_all_are_kept() -> None:
    judged = apply("judge", QUESTION, judge=ScriptedJudge([YES, NO, YES]))
    assert judged.outcome == Outcome.PASS
    assert [vote["answer"] for vote in judged.votes] == ["yes", "no", "yes"]
    assert (judged.decided_by, judged.prompt_hash) == ("judge scripted", "hash")
    assert [(e.turn, e.quote) for e in judged.evidence] == [("g", "Hi, this is Burger Bot")]


def test_the_answer_that_passes_can_be_no() -> None:
    judged = apply("judge", {**QUESTION, "pass_if": "no"}, judge=ScriptedJudge([YES, YES, YES]))
    assert judged.outcome == Outcome.FAIL


def test_a_judge_that_does_not_vary_is_asked_once() -> None:
    judge = ScriptedJudge([NO], varies=False)
    assert apply("judge", QUESTION, judge=judge).outcome == Outcome.FAIL
    assert len(judge.asked) == 1


def test_a_ballot_that_cites_a_turn_that_does_not_exist_does_not_count() -> None:
    invented = Ballot(Answer.YES, "So it was.", (Cited("nowhere"),))
    judged = apply("judge", QUESTION, judge=ScriptedJudge([invented, invented, NO]))
    assert judged.outcome == Outcome.ERROR
    assert "cites a turn that does not exist" in judged.reason
    assert apply("judge", QUESTION, judge=ScriptedJudge([invented, NO, NO])).outcome == Outcome.FAIL


def test_a_yes_without_evidence_does_not_count() -> None:
    bare = Ballot(Answer.YES, "Trust me.")
    assert apply("judge", QUESTION, judge=ScriptedJudge([bare, bare, bare])).outcome == Outcome.ERROR


def test_an_invented_quote_is_replaced_by_the_turns_own_words() -> None:
    misquoted = Ballot(Answer.YES, "Kind.", (Cited("o", "Thank you so much"),))
    judged = apply("judge", QUESTION, judge=ScriptedJudge([misquoted] * 3))
    assert judged.evidence[0].quote == "Two burgers, please."


def test_split_votes_are_unsure() -> None:
    unsure = Ballot(Answer.UNSURE, "It does not show.")
    assert apply("judge", QUESTION, judge=ScriptedJudge([YES, NO, unsure])).outcome == Outcome.UNSURE
    assert apply("judge", QUESTION, judge=ScriptedJudge([unsure] * 3)).outcome == Outcome.UNSURE


def test_a_failing_provider_is_an_error_with_its_reason() -> None:
    judged = apply("judge", QUESTION, judge=ScriptedJudge([TimedOut("No answer within 60 s.")] * 3))
    assert judged.outcome == Outcome.ERROR
    assert "No answer within 60 s." in judged.reason


def test_a_call_without_words_is_not_judged() -> None:
    judge = ScriptedJudge([])
    assert apply("judge", QUESTION, CallRecord(duration_ms=1), judge).outcome == Outcome.NOT_APPLICABLE
    assert judge.asked == []


def test_an_even_number_of_votes_is_refused() -> None:
    for votes in (0, 2, 2.5, 11):
        assert "odd" in problems("judge", {**QUESTION, "votes": votes})["votes"]


# --- The demo's criteria ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "lines", "outcome"),
    [
        ("Greets and says its name", ["Thank you for calling Burger Bot. What can I get you?"], Outcome.PASS),
        ("Greets and says its name", ["What do you want?", "Hello, Burger Bot here."], Outcome.FAIL),
        ("Repeats the order", ["So that is two cheeseburgers, large fries, and cola. Is that right?"], Outcome.PASS),
        ("Repeats the order", ["Would you like fries with that?"], Outcome.FAIL),
        ("Gives a total", ["Your total is sixteen dollars and five cents."], Outcome.PASS),
        ("Gives a total", ["Your total is $16.05."], Outcome.PASS),
        ("Gives a total", ["That was the total disaster."], Outcome.FAIL),
    ],
)
def test_the_demos_phrases_tell_good_lines_from_bad(name: str, lines: list[str], outcome: Outcome) -> None:
    config = next(row[2] for row in CRITERIA if row[0] == name)
    turns = tuple(TurnRecord(f"d{i}", i, Side.AGENT, line, i * 1000, i * 1000 + 900) for i, line in enumerate(lines))
    assert apply("phrase", config, CallRecord(duration_ms=5000, turns=turns)).outcome == outcome
