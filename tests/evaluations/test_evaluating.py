import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from agents.models import Agent
from agents.ports import Audio, Samples, Transcript
from agents.providers.scripted import ScriptedActivity
from calls.audio import wav
from calls.models import Call, Recording, Turn
from calls.signals import call_ended
from calls.states import Side, Status
from evaluations import services, tasks
from evaluations.criteria.registry import Material
from evaluations.judging import Answer, Ballot, Cited, ScriptedJudge
from evaluations.keeping import ClaimLost
from evaluations.models import Criterion, Evaluation, Measurement, Verdict
from evaluations.record import CallRecord
from evaluations.selectors import criteria_for, figures, findings, latest_evaluation
from evaluations.services import claim_evaluation, evaluate, give_up, request_evaluation
from evaluations.signals import evaluation_changed

State = Evaluation.State
AGENT_MS = ((500, 2000), (6000, 8000), (14000, 15000))
CALLER_MS = ((3000, 5000), (9000, 11000))


@pytest.fixture(autouse=True)
def recordings(settings: LazySettings, tmp_path: Path) -> Path:
    settings.RECORDINGS_DIR = tmp_path
    return tmp_path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What is sent to the task queue instead of being sent."""
    found: list[int] = []
    monkeypatch.setattr(tasks.evaluate_call, "apply_async", lambda args, **_: found.extend(args))
    return found


def tone(spans: tuple[tuple[int, int], ...], seconds: int = 16) -> Samples:
    samples = np.zeros(8000 * seconds, np.int16)
    for start_ms, end_ms in spans:
        at = np.arange(start_ms * 8, end_ms * 8)
        samples[at] = 8000 * np.sin(at * 0.5)
    return samples


def make_call(recordings: Path | None = None, **changes: Any) -> Call:
    now = timezone.now()
    agent, _ = Agent.objects.get_or_create(name="burger_bot")
    values = {"status": Status.COMPLETED, "answered_at": now, "ended_at": now + timedelta(seconds=16)}
    call = Call.objects.create(agent=agent, direction="outbound", **{**values, **changes})
    spoken = [(Side.AGENT, *at) for at in AGENT_MS] + [(Side.CALLER, *at) for at in CALLER_MS]
    for index, (side, start_ms, end_ms) in enumerate(sorted(spoken, key=lambda turn: turn[1])):
        Turn.objects.create(
            call=call, index=index, side=side, text=f"Words of {side}.", start_ms=start_ms, end_ms=end_ms
        )
    if recordings:
        name = f"{call.public_id}.wav"
        wav.write(recordings / name, wav.interleave(tone(CALLER_MS), tone(AGENT_MS)), 8000)
        Recording.objects.create(call=call, state=Recording.State.READY, file=name, duration_ms=16000)
    return call


def requested(call: Call) -> Evaluation:
    evaluation = request_evaluation(call)
    assert evaluation is not None
    return evaluation


def lapse(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))


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


# --- Once, and not for ever -------------------------------------------------------------------------------------------
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
