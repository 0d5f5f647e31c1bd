from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.models import Agent
from calls.models import Call, Turn
from calls.states import Side, Status
from evaluations.labelling import NOT_VALIDATED, label_verdict, measured_judges, remove_label
from evaluations.models import Criterion, Evaluation, Label, Verdict

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
