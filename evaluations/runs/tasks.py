"""Runs in the background. A lost message loses nothing: the next tick finds what waits."""

import logging
import uuid
from typing import Any, Final

from celery import shared_task
from kombu.exceptions import OperationalError

from calls.models import Call
from evaluations.models import Evaluation
from evaluations.run_models import RunCase
from evaluations.runs import alert_rules, alerting, engine, scheduling, summaries

log = logging.getLogger(__name__)
TICK_EXPIRES_S: Final = 10


@shared_task(name="evaluations.tick_runs")  # type: ignore[untyped-decorator]  # Celery ships no types
def tick_runs() -> None:
    for ticket in engine.tick():
        _send(place_case, ticket.case_id, str(ticket.claim))


@shared_task(name="evaluations.place_case")  # type: ignore[untyped-decorator]  # Celery ships no types
def place_case(case_id: int, claim: str) -> None:
    engine.place(engine.Ticket(case_id, uuid.UUID(claim)))


@shared_task(name="evaluations.tick_schedules")  # type: ignore[untyped-decorator]  # Celery ships no types
def tick_schedules() -> None:
    """Start what is due, sum up what ended, ask the rules about it, send what waits."""
    scheduling.start_due()
    summaries.keep_summaries()
    alert_rules.announce_ended()
    alerting.send_due()


def tick_when_call_ended(call: Call, **_: Any) -> None:
    """Receiver of `call_ended`: a line is free."""
    if RunCase.objects.filter(state=RunCase.State.CALLING, call=call).exists():
        _send(tick_runs, expires_s=TICK_EXPIRES_S)


def settle_when_evaluated(evaluation: Evaluation, **_: Any) -> None:
    """Receiver of `evaluation_changed`: also a call that was scored again, or labelled by people."""
    if evaluation.state not in (Evaluation.State.DONE, Evaluation.State.FAILED):
        return
    cases = RunCase.objects.filter(call=evaluation.call_id)
    for pk, state in list(cases.values_list("pk", "state")):
        if state == RunCase.State.CALLING:
            engine.settle(pk)
        elif state == RunCase.State.DONE:
            engine.settle_again(pk)


def _send(task: Any, *arguments: Any, expires_s: int | None = None) -> None:
    try:
        task.apply_async(arguments, expires=expires_s)
    except OperationalError:
        log.warning("The task queue cannot be reached; the next tick does what %s would have done.", task.name)
