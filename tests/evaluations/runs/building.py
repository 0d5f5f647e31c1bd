"""Suites, runs and calls with a known end, for tests of what is done with them."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from agents.models import Agent, Persona, Scenario
from agents.services import create_agent
from calls.models import Call, Leg, Turn
from calls.services import conclude_if_over
from calls.states import Ending, Status
from evaluations.models import Criterion, Evaluation, Measurement, Verdict
from evaluations.run_models import Run, RunCase, Suite
from evaluations.runs.engine import place, settle, tick
from evaluations.runs.starting import start_run

CRITERION = "Books the table"
_numbers = count(1)


def make_suite(scenarios: int = 2, **values: Any) -> Suite:
    number = next(_numbers)
    suite = Suite.objects.create(name=f"Bookings {number}", **values)
    persona = Persona.objects.create(name=f"Dana {number}")
    for index in range(scenarios):
        suite.scenarios.add(
            Scenario.objects.create(name=f"Booking {number}-{index:03}", goal="A table", persona=persona)
        )
    return suite


def make_agent(name: str = "") -> Agent:
    number = next(_numbers)
    return create_agent(name or f"booking {number}", phone_number=f"+1555010{1000 + number}", prompt="Take bookings.")


def make_run(suite: Suite | None = None, agent: Agent | None = None, **values: Any) -> Run:
    version = (agent or make_agent()).current_version
    assert version is not None
    return start_run(suite or make_suite(), version, **values)[0]


def end_call(call: Call, status: Status = Status.COMPLETED, ending: Ending = Ending.CALLER_HUNG_UP) -> None:
    """The call is over and concluded, as the exchange's last report leaves it."""
    now = timezone.now()
    if status is Status.COMPLETED:
        Turn.objects.create(call=call, index=0, side="agent", text="Hello", start_ms=0, end_ms=900)
        Call.objects.filter(pk=call.pk).update(answered_at=now - timedelta(seconds=60))
    Call.objects.filter(pk=call.pk).update(status=status, ending=ending, ended_at=now)
    conclude_if_over(call.pk)


def judge(
    call: Call, outcome: str, replies: Sequence[float] = (), criterion: str = CRITERION, number: int = 1
) -> Evaluation:
    """The call's evaluation with one more verdict, as if the worker had made it."""
    evaluation, _ = Evaluation.objects.get_or_create(call=call, number=number)
    kept, _ = Criterion.objects.get_or_create(name=criterion, defaults={"kind": "phrase"})
    Verdict.objects.create(
        evaluation=evaluation,
        criterion=kept,
        criterion_name=criterion,
        kind="phrase",
        kind_version=1,
        outcome=outcome,
        decided_by="rule",
    )
    Measurement.objects.get_or_create(
        evaluation=evaluation,
        metric="reply_time",
        defaults={
            "metric_version": 1,
            "unit": "s",
            "value": replies[0] if replies else None,
            "n": len(replies),
            "parts": {"p50": replies[0]} if replies else {},
            "occurrences": [
                {"start_ms": 0, "end_ms": 1, "value": value, "side": "agent", "note": ""} for value in replies
            ],
        },
    )
    Evaluation.objects.filter(pk=evaluation.pk).update(state="done", outcome=outcome, finished_at=timezone.now())
    return evaluation


def finished_run(
    outcomes: Sequence[str], suite: Suite, agent: Agent, replies: Sequence[Sequence[float]] | None = None
) -> Run:
    """A finished run whose cases, in order, came out so; without an exchange."""
    run = make_run(suite, agent)
    for case, outcome in zip(run.cases.order_by("index"), outcomes, strict=True):
        call = Call.objects.create(
            agent=agent,
            agent_version=run.agent_version,
            persona=case.persona,
            scenario=case.scenario,
            direction="outbound",
            status=Status.COMPLETED,
            idempotency_key=case.call_key,
            answered_at=run.created_at - timedelta(seconds=60),
            ended_at=run.created_at,
            concluded_at=timezone.now(),
        )
        Leg.objects.create(call=call, side="caller", is_outbound=True)
        judge(call, outcome, replies[case.index] if replies else ())
        RunCase.objects.filter(pk=case.pk).update(
            state=RunCase.State.DONE, call=call, outcome=outcome, finished_at=timezone.now()
        )
    Run.objects.filter(pk=run.pk).update(state=Run.State.FINISHED, finished_at=timezone.now())
    run.refresh_from_db()
    return run


# --- A run under way -----------------------------------------------------------------------------------------------
def place_all() -> list[RunCase]:
    """One tick and its calls."""
    tickets = tick()
    for ticket in tickets:
        place(ticket)
    return list(RunCase.objects.filter(pk__in=[ticket.case_id for ticket in tickets]).select_related("call"))


def finish(case: RunCase, outcome: str = "pass") -> None:
    call = case.call
    assert call is not None
    end_call(call)
    judge(call, outcome)
    settle(case.pk)


def forget_waits() -> None:
    RunCase.objects.update(due_at=None)
