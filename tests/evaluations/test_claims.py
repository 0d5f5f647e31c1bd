"""Each call is evaluated once, whatever workers do, and not for ever."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.ports import Samples
from agents.providers.scripted import ScriptedActivity
from calls.models import Call, Recording
from evaluations import services, tasks
from evaluations.criteria.registry import Material
from evaluations.keeping import ClaimLost
from evaluations.models import Evaluation, Measurement
from evaluations.record import CallRecord
from evaluations.services import claim_evaluation, evaluate, give_up
from evaluations.signals import evaluation_changed
from tests.evaluations.recorded_calls import lapse, make_call, requested

State = Evaluation.State


@pytest.mark.django_db
def test_what_is_claimed_cannot_be_claimed_until_the_lease_runs_out() -> None:
    evaluation = requested(make_call())
    assert claim_evaluation(evaluation.pk) is not None
    assert claim_evaluation(evaluation.pk) is None
    lapse(evaluation)
    assert claim_evaluation(evaluation.pk) is not None


@pytest.mark.django_db
def test_a_worker_that_lost_its_claim_saves_nothing(recordings: Path) -> None:
    evaluation = requested(make_call(recordings))

    class TakenOver(ScriptedActivity):
        taken_over = False

        def probabilities(self, samples: Samples) -> Any:
            if not self.taken_over:
                self.taken_over = True
                lapse(evaluation)
                claim_evaluation(evaluation.pk)
            return super().probabilities(samples)

    assert evaluate(evaluation.pk, activity=TakenOver()) is False
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempts) == (State.RUNNING, 2)
    assert not Measurement.objects.exists()


@pytest.mark.django_db
def test_a_lost_claim_can_neither_be_renewed_nor_settled() -> None:
    evaluation = requested(make_call())
    first = claim_evaluation(evaluation.pk)
    lapse(evaluation)
    second = claim_evaluation(evaluation.pk)
    assert first is not None
    assert second is not None
    with pytest.raises(ClaimLost):
        first.renew()
    with pytest.raises(ClaimLost):
        first.settle(state=State.DONE)
    second.renew()


@pytest.mark.django_db(transaction=True)
def test_many_workers_evaluate_a_call_once(recordings: Path) -> None:
    evaluation = requested(make_call(recordings))
    start = threading.Barrier(4)
    made: list[bool] = []

    def work() -> None:
        try:
            start.wait(timeout=10)
            made.append(evaluate(evaluation.pk, activity=ScriptedActivity()))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=30)
    assert sorted(made) == [False, False, False, True]
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempts) == (State.DONE, 1)


@pytest.mark.django_db(transaction=True)
def test_a_killed_workers_evaluation_is_taken_over_and_saved_once(recordings: Path, sent: list[int]) -> None:
    evaluation = requested(make_call(recordings))
    dead = claim_evaluation(evaluation.pk)  # and then kill -9
    tasks.sweep_evaluations()
    assert sent == []
    lapse(evaluation)
    tasks.sweep_evaluations()
    assert sent == [evaluation.pk]
    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is True
    assert dead is not None
    with pytest.raises(ClaimLost):
        services._save(evaluation.call, dead, Material(CallRecord(duration_ms=0)), [])
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempts) == (State.DONE, 2)
    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is False


@pytest.mark.django_db
def test_a_recording_that_cannot_be_read_fails_after_three_attempts(recordings: Path) -> None:
    call = make_call(recordings)
    (recordings / call.recording.file).write_bytes(b"not a recording")
    evaluation = requested(call)
    for _ in range(3):
        with pytest.raises(ValueError, match="not a WAV file"):
            evaluate(evaluation.pk, activity=ScriptedActivity())
    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is False
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.outcome, evaluation.attempts) == (State.FAILED, "error", 3)
    assert "not a WAV file" in evaluation.error


@pytest.mark.django_db
def test_an_evaluation_whose_worker_dies_each_time_is_given_up() -> None:
    evaluation = requested(make_call())
    for _ in range(3):
        assert claim_evaluation(evaluation.pk) is not None
        lapse(evaluation)
    assert claim_evaluation(evaluation.pk) is None
    assert give_up() == 1
    evaluation.refresh_from_db()
    assert evaluation.state == State.FAILED
    assert "stopped during each of 3 attempts" in evaluation.error


@pytest.mark.django_db
def test_the_sweep_finds_calls_that_nobody_asked_to_evaluate(sent: list[int]) -> None:
    call = make_call()
    tasks.sweep_evaluations()
    assert sent == [Evaluation.objects.get(call=call).pk]


@pytest.mark.django_db
def test_a_call_waits_for_its_recording_to_be_closed(recordings: Path) -> None:
    call = make_call(recordings)
    Recording.objects.update(state=Recording.State.OPEN)
    evaluation = requested(call)
    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is False
    evaluation.refresh_from_db()
    assert (evaluation.state, evaluation.attempts) == (State.QUEUED, 0)
    Call.objects.update(ended_at=timezone.now() - timedelta(minutes=6))
    assert evaluate(evaluation.pk, activity=ScriptedActivity()) is True


@pytest.fixture
def told() -> Iterator[list[str]]:
    states: list[str] = []

    def listen(evaluation: Evaluation, **_: object) -> None:
        states.append(evaluation.state)

    evaluation_changed.connect(listen)
    yield states
    evaluation_changed.disconnect(listen)


@pytest.mark.django_db(transaction=True)
def test_each_change_of_state_is_told(recordings: Path, told: list[str]) -> None:
    evaluate(requested(make_call(recordings)).pk, activity=ScriptedActivity())
    assert told == [State.QUEUED, State.RUNNING, State.DONE]
