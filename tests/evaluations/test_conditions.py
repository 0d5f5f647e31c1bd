"""A criterion that applies only where another one has a certain outcome: in an evaluation, and when it is tried."""

from typing import Any

import pytest

from agents.models import Scenario
from agents.providers.scripted import ScriptedActivity
from calls.models import Call, Turn
from calls.states import Side
from evaluations.applying import apply_all
from evaluations.criteria.registry import Material
from evaluations.forms import CriterionForm
from evaluations.judging import Answer, Ballot, Cited, Judge, ScriptedJudge
from evaluations.models import Criterion, Verdict
from evaluations.record import CallRecord, TurnRecord
from evaluations.trying import past_calls, try_criterion
from tests.factories import finished_call

pytestmark = pytest.mark.django_db
RECORD = CallRecord(duration_ms=1000, turns=(TurnRecord("t", 0, Side.AGENT, "Hello there.", 0, 900),))


def phrase(name: str, words: str, **changes: Any) -> Criterion:
    return Criterion.objects.create(name=name, kind="phrase", config={"phrase": words}, **changes)


def outcomes(*criteria: Criterion) -> dict[str, str]:
    return {c.name: str(judgement.outcome) for c, judgement in apply_all(criteria, Material(RECORD))}


def test_a_criterion_applies_only_where_its_condition_holds() -> None:
    hello, bye = phrase("hello", "hello"), phrase("bye", "goodbye")
    after_hello = phrase("after hello", "there", condition=hello)
    after_bye = phrase("after bye", "there", condition=bye)
    unless_bye = phrase("unless bye", "there", condition=bye, condition_outcome="fail")
    assert outcomes(after_hello, after_bye, unless_bye, hello, bye) == {
        "after hello": "pass", "after bye": "not applicable", "unless bye": "pass", "hello": "pass", "bye": "fail",
    }  # fmt: skip
    assert outcomes(after_hello) == {"after hello": "not applicable"}


def test_criteria_that_wait_for_each_other_end_in_an_error() -> None:
    one = phrase("one", "hello")
    two = phrase("two", "hello", condition=one)
    one.condition = two
    one.save()
    assert "error" in outcomes(one, two).values()
    form = CriterionForm({"name": "one", "kind": "phrase", "config__phrase": "a", "condition": two.pk}, instance=one)
    assert "waits for this one" in str(form.errors["condition"])


# --- Trying -----------------------------------------------------------------------------------------------------------
@pytest.fixture
def call() -> Call:
    made = finished_call(recorded=False, scored=False)
    made.turns.all().delete()
    Turn.objects.create(call=made, index=0, side=Side.AGENT, text="Hello there.", start_ms=0, end_ms=900)
    return made


def draft(**changes: Any) -> Criterion:
    return Criterion(name="draft", kind="phrase", config={"phrase": "there"}, **changes)


def tried(criterion: Criterion, judge: Judge | None = None) -> tuple[str, str]:
    (found,) = try_criterion(criterion, past_calls(criterion), activity=ScriptedActivity(), judge=judge)
    return found.outcome, found.judgement.reason


def test_a_criterion_is_tried_on_past_calls_without_a_trace(call: Call) -> None:
    judged = Criterion(name="draft", kind="judge", config={"question": "Nice?"})
    judge = ScriptedJudge([Ballot(Answer.YES, "Yes.", (Cited(str(call.turns.get().public_id)),))] * 3)
    assert tried(judged, judge)[0] == "pass"
    assert (Criterion.objects.count(), Verdict.objects.count()) == (0, 0)


def test_a_criterion_that_is_tried_applies_only_where_its_condition_holds(call: Call) -> None:
    hello, bye = phrase("hello", "hello"), phrase("bye", "goodbye")
    assert tried(draft(condition=hello))[0] == "pass"
    assert tried(draft(condition=bye)) == ("not applicable", "Applies only where “bye” is pass; it is fail.")
    assert tried(draft(condition=bye, condition_outcome="fail"))[0] == "pass"
    after_bye = phrase("after bye", "there", condition=bye)
    assert tried(draft(condition=after_bye, condition_outcome="not applicable"))[0] == "pass"


def test_what_is_tried_waits_only_for_criteria_that_apply_to_the_call(call: Call) -> None:
    elsewhere = phrase("elsewhere", "hello")
    elsewhere.scenarios.add(Scenario.objects.create(name="Another one"))
    outcome, reason = tried(draft(condition=elsewhere))
    assert (outcome, reason) == (
        "not applicable", "The criterion on which it depends does not apply to this call.",
    )  # fmt: skip
    assert past_calls(elsewhere) == []


def test_a_change_that_makes_criteria_wait_for_each_other_is_an_error_when_tried(call: Call) -> None:
    one = phrase("one", "hello")
    one.condition = phrase("two", "hello", condition=one)
    outcome, reason = tried(one)
    assert (outcome, "waits for itself" in reason) == ("error", True)
