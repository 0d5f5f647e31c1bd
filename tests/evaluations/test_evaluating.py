"""From a call to its figures, verdicts and findings, and what asks for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from kombu.exceptions import OperationalError

from agents.models import Agent
from agents.ports import Audio, Transcript
from agents.providers.scripted import ScriptedActivity
from calls.models import Call
from calls.signals import call_ended
from calls.states import Status
from evaluations import tasks
from evaluations.judging import Answer, Ballot, Cited, ScriptedJudge
from evaluations.models import Criterion, Evaluation, Measurement, Verdict
from evaluations.selectors import criteria_for, figures, findings, latest_evaluation
from evaluations.services import claim_evaluation, evaluate, request_evaluation
from tests.evaluations.recorded_calls import AGENT_MS, lapse, make_call, requested

State = Evaluation.State


# --- From a call to figures and verdicts ------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_call_is_measured_from_its_recording_and_judged(recordings: Path) -> None:
    call = make_call(recordings)
    make = Criterion.objects.create
    make(name="fast", kind="metric", config={"figure": "reply_time", "part": "max", "op": "<=", "limit": 2})
    make(name="talks", kind="phrase", config={"phrase": "words of agent"})
    make(name="nice", kind="judge", config={"question": "Nice?"}, is_critical=False)
    evaluation = requested(call)

    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is True

    done = latest_evaluation(call)
    assert done is not None
    assert (done.state, done.outcome, done.attempts, done.claim) == (State.DONE, "fail", 1, None)
    reply = done.measurements.get(metric="reply_time")
    assert reply.n == 2
    assert [o["value"] for o in reply.occurrences] == pytest.approx([1.0, 3.0], abs=0.02)
    assert {v.criterion_name: v.outcome for v in done.verdicts.all()} == {
        "fast": "fail",
        "talks": "pass",
        "nice": "error",
    }
    evidence = done.verdicts.get(criterion_name="fast").evidence[0]
    assert evidence["turn"] == str(call.turns.get(index=4).public_id)
    assert evidence["start_ms"] == pytest.approx(11000, abs=20)


@pytest.mark.django_db
def test_a_judge_is_asked_with_the_claim_renewed(recordings: Path) -> None:
    call = make_call(recordings)
    Criterion.objects.create(name="nice", kind="judge", config={"question": "Nice?"})
    turn = str(call.turns.get(index=0).public_id)
    judge = ScriptedJudge([Ballot(Answer.YES, "Yes.", (Cited(turn),))] * 3)
    evaluate(requested(call).pk, activity=ScriptedActivity(), judge=judge)
    verdict = Verdict.objects.get()
    assert (verdict.outcome, verdict.decided_by, len(verdict.votes)) == ("pass", "judge scripted", 3)


class SlowEars:
    """They take so long that the claim runs out at each turn, and count how often it had been renewed by then."""

    name = "slow"

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation, self.held = evaluation, 0

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript:
        await sync_to_async(self._work)()
        return Transcript("words of agent")

    def _work(self) -> None:
        row = Evaluation.objects.get(pk=self.evaluation.pk)
        self.held += bool(row.claimed_until and row.claimed_until > timezone.now())
        lapse(self.evaluation)


@pytest.mark.django_db
def test_ears_that_check_the_voice_for_long_do_not_outlast_the_claim(recordings: Path) -> None:
    evaluation = requested(make_call(recordings))
    ears = SlowEars(evaluation)
    assert evaluate(evaluation.pk, activity=ScriptedActivity(), ears=ears)
    assert ears.held == len(AGENT_MS)
    assert Measurement.objects.get(metric="speaking").n == len(AGENT_MS)


@pytest.mark.django_db
def test_a_worker_that_lost_its_claim_listens_to_no_further_turn(recordings: Path) -> None:
    evaluation = requested(make_call(recordings))

    class Robbed(SlowEars):
        def _work(self) -> None:
            super()._work()
            assert claim_evaluation(evaluation.pk)

    ears = Robbed(evaluation)
    assert not evaluate(evaluation.pk, activity=ScriptedActivity(), ears=ears)
    assert ears.held == 1


@pytest.mark.django_db
def test_a_call_without_a_recording_is_judged_by_its_transcript(recordings: Path) -> None:
    call = make_call()
    Criterion.objects.create(name="talks", kind="phrase", config={"phrase": "words"})
    evaluate(requested(call).pk, activity=ScriptedActivity())
    assert Evaluation.objects.get().outcome == "pass"
    assert Measurement.objects.get(metric="reply_time").note == "There is no recording of this call."


@pytest.mark.django_db
def test_an_edited_criterion_that_no_longer_fits_is_an_error_not_a_pass(recordings: Path) -> None:
    call = make_call(recordings)
    Criterion.objects.create(name="gone", kind="telepathy")
    Criterion.objects.create(name="broken", kind="metric", config={"figure": "charm", "limit": 1})
    evaluate(requested(call).pk, activity=ScriptedActivity())
    assert set(Verdict.objects.values_list("outcome", flat=True)) == {"error"}
    assert Evaluation.objects.get().outcome == "error"


@pytest.mark.django_db
def test_criteria_apply_to_their_agents_and_to_all_if_they_name_none() -> None:
    call = make_call()
    other = Agent.objects.create(name="other")
    for name, agents in (("all", []), ("mine", [call.agent]), ("both", [call.agent, other]), ("theirs", [other])):
        Criterion.objects.create(name=name, kind="phrase").agents.set(agents)
    Criterion.objects.create(name="old", kind="phrase", archived_at=timezone.now())
    assert [criterion.name for criterion in criteria_for(call)] == ["all", "both", "mine"]


@pytest.mark.django_db
def test_findings_put_failed_critical_verdicts_first_and_point_into_the_call(recordings: Path) -> None:
    call = make_call(recordings)
    config = {"figure": "reply_time", "part": "max", "op": "<=", "limit": 2}
    Criterion.objects.create(name="a minor one", kind="phrase", config={"phrase": "sorry"}, is_critical=False)
    Criterion.objects.create(name="fast", kind="metric", config=config)
    evaluate(requested(call).pk, activity=ScriptedActivity())
    evaluation = latest_evaluation(call)
    assert evaluation is not None
    found = findings(evaluation)
    assert [each.number for each in found] == list(range(1, len(found) + 1))
    assert 2 <= len(found) <= 5
    assert [(each.title, each.kind) for each in found[:2]] == [("fast", "measured"), ("a minor one", "judged")]
    assert found[0].start_ms == pytest.approx(11000, abs=20)
    assert "Reply time" not in [each.title for each in found]


@pytest.mark.django_db
def test_results_take_three_queries(recordings: Path, django_assert_num_queries: Any) -> None:
    call = make_call(recordings)
    evaluate(requested(call).pk, activity=ScriptedActivity())
    with django_assert_num_queries(3):
        evaluation = latest_evaluation(call)
        assert evaluation is not None
        findings(evaluation)
        assert figures(evaluation)


# --- Asking for one ---------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("status", [Status.BUSY, Status.NO_ANSWER, Status.FAILED, Status.CANCELED, Status.IN_PROGRESS])
def test_a_call_that_was_not_completed_gets_no_evaluation(status: Status, sent: list[int]) -> None:
    call = make_call(status=status)
    assert request_evaluation(call) is None
    tasks.sweep_evaluations()
    assert not Evaluation.objects.exists()


@pytest.mark.django_db
def test_asking_twice_makes_one_evaluation() -> None:
    call = make_call()
    assert requested(call) == requested(call)


@pytest.mark.django_db(transaction=True)
def test_the_end_of_a_call_sends_its_evaluation_to_the_queue(sent: list[int]) -> None:
    call_ended.send(sender=Call, call=make_call())
    assert sent == [Evaluation.objects.get().pk]


@pytest.mark.django_db(transaction=True)
def test_an_unreachable_queue_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.evaluate_call, "apply_async", unreachable)
    call_ended.send(sender=Call, call=make_call())
    assert Evaluation.objects.get().state == State.QUEUED
