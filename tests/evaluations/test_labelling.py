from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.models import Agent
from agents.providers.scripted import ScriptedActivity
from calls.models import Call, Turn
from calls.states import Side, Status
from evaluations.applying import apply_all
from evaluations.criteria.registry import Material
from evaluations.forms import CriterionForm
from evaluations.judging import Answer, Ballot, Cited, ScriptedJudge
from evaluations.labelling import NOT_VALIDATED, label_verdict, measured_judges, remove_label
from evaluations.models import Criterion, Evaluation, Label, Verdict
from evaluations.record import CallRecord, TurnRecord
from evaluations.trying import past_calls, try_criterion

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> User:
    return User.objects.create_user("ann")


def make_call() -> Call:
    agent, _ = Agent.objects.get_or_create(name="burger_bot")
    call = Call.objects.create(agent=agent, direction="outbound", status=Status.COMPLETED)
    Turn.objects.create(call=call, index=0, side=Side.AGENT, text="Hello there.", start_ms=0, end_ms=900)
    return call


def make_verdict(outcome: str, call: Call | None = None, number: int = 1, **changes: Any) -> Verdict:
    criterion, _ = Criterion.objects.get_or_create(name="nice", kind="judge", config={"question": "Nice?"})
    evaluation = Evaluation.objects.create(call=call or make_call(), number=number, state="done", outcome=outcome)
    values = {"kind": "judge", "kind_version": 1, "config": criterion.config, "decided_by": "judge a:b"}
    return Verdict.objects.create(
        evaluation=evaluation, criterion=criterion, criterion_name="nice", outcome=outcome, **{**values, **changes}
    )


def test_a_label_overrides_the_verdict_and_the_calls_outcome(person: User) -> None:
    verdict = make_verdict("fail")
    label, _ = label_verdict(verdict, person, "pass", "It was polite.")
    evaluation = Evaluation.objects.get()
    assert (label.agrees, Verdict.objects.get().counted) == (False, "pass")
    assert (evaluation.outcome, evaluation.score) == ("pass", 1.0)
    remove_label(verdict, person)
    assert Evaluation.objects.get().outcome == "fail"


def test_a_person_has_one_label_a_verdict(person: User) -> None:
    verdict = make_verdict("fail")
    label_verdict(verdict, person)
    label_verdict(verdict, person, "pass")
    assert Label.objects.get().outcome == "pass"
    with pytest.raises(ValueError, match="perhaps"):
        label_verdict(verdict, person, "perhaps")


def test_a_judge_is_measured_by_version_and_a_changed_one_against_the_same_labels(person: User) -> None:
    for at in range(20):
        call = make_call()
        old = make_verdict("pass", call, prompt_hash="old")
        label_verdict(old, person, "pass" if at % 2 else "fail")
        make_verdict("pass" if at % 2 else "fail", call, number=2, prompt_hash="new")
    new, old_judge = measured_judges()
    assert (new.version.prompt_hash, new.agreement.kappa, new.standing) == ("new", 1.0, "validated")
    assert (old_judge.version.prompt_hash, old_judge.agreement.true_negative.value) == ("old", 0.0)
    assert old_judge.agreement.kappa == 0.0


def test_a_judge_with_few_labels_is_not_yet_validated(person: User) -> None:
    label_verdict(make_verdict("pass"), person)
    label_verdict(make_verdict("unsure"), person, "pass")
    (measured,) = measured_judges(Criterion.objects.get())
    assert (measured.standing, measured.agreement.n, measured.undecided) == (NOT_VALIDATED, 1, 1)


# --- Conditions and trying --------------------------------------------------------------------------------------------
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


def test_a_criterion_is_tried_on_past_calls_without_a_trace() -> None:
    make_call()
    draft = Criterion(name="draft", kind="judge", config={"question": "Nice?"})
    turn = str(Turn.objects.get().public_id)
    judge = ScriptedJudge([Ballot(Answer.YES, "Yes.", (Cited(turn),))] * 3)
    (tried,) = try_criterion(draft, past_calls(draft), activity=ScriptedActivity(), judge=judge)
    assert str(tried.judgement.outcome) == "pass"
    assert (Criterion.objects.count(), Verdict.objects.count()) == (0, 0)
