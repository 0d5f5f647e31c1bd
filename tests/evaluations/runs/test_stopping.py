"""A run that is stopped, or has spent its budget: what is called no more, and what can be called again."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from calls.models import Call
from calls.states import Ending, Status
from evaluations.models import Verdict
from evaluations.run_models import Run
from evaluations.runs.engine import tick
from evaluations.runs.selectors import spent
from evaluations.runs.starting import Limits, RunRefused, retry_errors, stop_run
from tests.evaluations.runs.building import (
    end_call,
    finish,
    make_run,
    make_suite,
    place_all,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("exchange")]


def test_a_stopped_run_places_no_call_and_ends_with_those_under_way(settings: Any) -> None:
    settings.RUN_LINES = 1
    run = make_run(make_suite(3))
    (case,) = place_all()
    assert stop_run(run, "Enough.")
    assert not stop_run(run, "Again.")
    assert tick() == []
    run.refresh_from_db()
    assert run.state == Run.State.STOPPING
    finish(case)
    tick()
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (Run.State.STOPPED, "Enough.")
    assert Counter(run.cases.values_list("state", flat=True)) == {"done": 1, "stopped": 2}


def test_a_spoiled_call_of_a_stopping_run_is_not_repeated(settings: Any) -> None:
    run = make_run(make_suite(1))
    (case,) = place_all()
    assert case.call
    stop_run(run, "Enough.")
    end_call(case.call, Status.BUSY, Ending.NOT_CONNECTED)
    tick()
    run.refresh_from_db()
    case.refresh_from_db()
    assert (run.state, case.outcome) == (Run.State.STOPPED, "error")


def test_a_spent_budget_of_minutes_stops_the_run(settings: Any) -> None:
    settings.RUN_LINES = 1
    run = make_run(make_suite(3), limits=Limits(max_minutes=1))
    (case,) = place_all()
    finish(case)
    assert spent(run).minutes == pytest.approx(1.0, abs=0.01)
    Call.objects.update(answered_at=timezone.now() - timedelta(minutes=2))
    assert tick() == []
    run.refresh_from_db()
    assert run.state == Run.State.STOPPED
    assert run.stop_reason == "The budget of 1 minute is spent."
    with pytest.raises(RunRefused, match="Start another run"):
        retry_errors(run)
    assert Counter(run.cases.values_list("state", flat=True)) == {"done": 1, "stopped": 2}


def test_a_budget_spent_by_the_last_calls_leaves_a_whole_run(settings: Any) -> None:
    settings.RUN_LINES = 1
    run = make_run(make_suite(1), limits=Limits(max_minutes=1))
    (case,) = place_all()
    assert case.call
    Call.objects.filter(pk=case.call.pk).update(answered_at=timezone.now() - timedelta(minutes=2))
    assert tick() == []
    run.refresh_from_db()
    assert (run.state, run.stop_reason) == (Run.State.RUNNING, "")
    finish(case)
    tick()
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED


def test_a_spent_budget_of_money_stops_the_run(settings: Any) -> None:
    settings.RUN_LINES = 1
    run = make_run(make_suite(2), limits=Limits(max_cost=Decimal("0.05")))
    (case,) = place_all()
    finish(case)
    Verdict.objects.update(cost=Decimal("0.06"))
    assert tick() == []
    run.refresh_from_db()
    assert run.state == Run.State.STOPPED


def test_errors_and_what_was_not_called_can_be_called_again_and_verdicts_stay(settings: Any) -> None:
    run = make_run(make_suite(3))
    passed, failed, broken = place_all()
    finish(passed)
    finish(failed, "fail")
    finish(broken, "error")
    tick()
    run.refresh_from_db()
    assert run.state == Run.State.FINISHED
    assert retry_errors(run) == 1
    run.refresh_from_db()
    assert run.state == Run.State.RUNNING
    (again,) = place_all()
    assert (again.pk, again.attempt) == (broken.pk, 2)
    finish(again)
    tick()
    assert Counter(run.cases.values_list("outcome", flat=True)) == {"pass": 2, "fail": 1}
    assert retry_errors(run) == 0
