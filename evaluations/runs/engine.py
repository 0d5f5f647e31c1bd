"""Keeps runs going: claims waiting cases as lines become free, places their calls, settles what came of them.

Nothing is remembered outside the database. Each step is a conditional update that one process wins; a process that
dies in between leaves a claim that runs out, and the next tick takes the step again with the same idempotency key.
"""

import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from calls.services import CallRefused, TelephonyFailed, place_call
from evaluations.causes import Cause
from evaluations.outcomes import Outcome
from evaluations.run_models import Dispatcher, Run, RunCase
from evaluations.runs.outcomes import REPEATED, Result, result_of
from evaluations.runs.selectors import budget_spent
from evaluations.runs.starting import next_attempt, scenario_of, stop_run, tell

log = logging.getLogger(__name__)
MAX_REPEATS: Final = 2  # of a case whose call was spoiled
WAIT_S: Final = 5.0  # before the first repeat; twice that before the second
DISPATCH_LEASE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """The right to place one case's call."""

    case_id: int
    claim: uuid.UUID


def tick() -> list[Ticket]:
    """One round: settle, stop what spent its budget, close what is done, claim what may be called now."""
    settle_all()
    # Where every case is called already a spent budget stops nothing: such a run is whole.
    for run in Run.objects.filter(state=Run.State.RUNNING, cases__state=RunCase.State.WAITING).distinct():
        if spent := budget_spent(run):
            stop_run(run, spent)
    close_runs()
    return dispatch()


# --- Claiming ---------------------------------------------------------------------------------------------------------
def dispatch() -> list[Ticket]:
    """Claims the next cases, as many as there are free lines. [] where another process is at it."""
    now = timezone.now()
    Dispatcher.objects.get_or_create(pk=1)
    claim = uuid.uuid4()
    free_now = Q(claim=None) | Q(claimed_until__lt=now)
    lease_end = now + timedelta(seconds=DISPATCH_LEASE_S)
    if not Dispatcher.objects.filter(free_now, pk=1).update(claim=claim, claimed_until=lease_end):
        return []
    tickets = _claim_cases(free_lines(), now)
    Dispatcher.objects.filter(pk=1, claim=claim).update(claim=None, claimed_until=None)
    return tickets


def free_lines() -> int:
    """How many calls of runs may be added to those under way. The queue of all calls keeps the exchange's limits."""
    placing = RunCase.objects.filter(state=RunCase.State.PLACING, claimed_until__gte=timezone.now()).count()
    calling = RunCase.objects.filter(state=RunCase.State.CALLING, call__concluded_at=None).count()
    return max(0, int(settings.RUN_LINES) - placing - calling)


def _claim_cases(count: int, now: datetime) -> list[Ticket]:
    if count <= 0:
        return []
    waiting = Q(state=RunCase.State.WAITING) & (Q(due_at=None) | Q(due_at__lte=now)) & Q(run__state=Run.State.RUNNING)
    lapsed = Q(state=RunCase.State.PLACING, claimed_until__lt=now)
    tickets = []
    for pk in RunCase.objects.filter(waiting | lapsed).order_by("run_id", "index").values_list("pk", flat=True)[:count]:
        ticket = Ticket(pk, uuid.uuid4())
        # A short lease: placing takes as long as one answer of the exchange.
        until = now + timedelta(seconds=settings.TWILIO_TIMEOUT_S + 5)
        still = Q(state=RunCase.State.WAITING) | lapsed
        if RunCase.objects.filter(still, pk=pk).update(
            state=RunCase.State.PLACING, claim=ticket.claim, claimed_until=until
        ):
            tickets.append(ticket)
    return tickets


# --- Placing ----------------------------------------------------------------------------------------------------------
def place(ticket: Ticket) -> bool:
    """Places the case's call; whether this ticket still held the case. A second time it finds the call it made."""
    case = _held(ticket).select_related("run__agent_version__agent", "scenario", "persona").first()
    if case is None:
        return False
    try:
        call = place_call(
            agent_version=case.run.agent_version,
            persona=case.persona,
            scenario=case.scenario,
            scenario_snapshot=scenario_of(case),
            idempotency_key=case.call_key,
        )
    except TelephonyFailed as failed:
        call = failed.call  # it is over, and settled as any other call that came to nothing
    except CallRefused as refused:  # nothing was dialled, and a second try would be refused as well
        _finish(case, Result(Outcome.ERROR, "", f"The call cannot be placed: {refused.message}"))
        return True
    placed = _held(ticket).update(state=RunCase.State.CALLING, call=call, claim=None, claimed_until=None)
    if placed:
        tell(case.run_id)
    settle(case.pk)
    return bool(placed)


def _held(ticket: Ticket) -> Any:
    return RunCase.objects.filter(pk=ticket.case_id, claim=ticket.claim, state=RunCase.State.PLACING)


# --- Settling ---------------------------------------------------------------------------------------------------------
def settle_all() -> int:
    """Settle every case whose call is over; how many."""
    over = RunCase.objects.filter(state=RunCase.State.CALLING, call__concluded_at__isnull=False)
    # A call may be deleted under a run.
    lost = RunCase.objects.filter(state=RunCase.State.CALLING, call=None)
    return sum(settle(pk) for pk in [*over.values_list("pk", flat=True), *lost.values_list("pk", flat=True)])


def settle(case_id: int) -> bool:
    """Take over what came of the case's call, once it is known; whether it was taken over here."""
    case = RunCase.objects.select_related("run", "call").filter(pk=case_id, state=RunCase.State.CALLING).first()
    if case is None:
        return False
    if case.call is None:
        return _finish(case, Result(Outcome.ERROR, Cause.LINE, "The call was deleted."))
    if case.call.concluded_at is None:
        return False
    result = result_of(case.call, case.run.suite_snapshot.get("criteria"))
    if result is None:
        return False
    if result.is_spoiled and case.run.state == Run.State.RUNNING and _repeats(case) < MAX_REPEATS:
        return _again(case, result)
    return _finish(case, result)


def settle_again(case_id: int) -> bool:
    """Of a case that is done: follow a newer evaluation of its call, or what people say of it. No call is placed."""
    case = RunCase.objects.select_related("run", "call").filter(pk=case_id, state=RunCase.State.DONE).first()
    result = result_of(case.call, case.run.suite_snapshot.get("criteria")) if case and case.call else None
    if case is None or result is None:
        return False
    told = {"outcome": result.outcome, "cause": result.cause, "reason": result.reason[:500]}
    return any(getattr(case, name) != value for name, value in told.items()) and _move(case, told)


def _repeats(case: RunCase) -> int:
    return sum(1 for told in case.history if told["cause"] in REPEATED)


def _again(case: RunCase, result: Result) -> bool:
    case.outcome, case.cause, case.reason = result.outcome, result.cause, result.reason[:500]
    due_at = timezone.now() + timedelta(seconds=WAIT_S * 2 ** _repeats(case))
    return _move(case, {**next_attempt(case), "due_at": due_at})


def _finish(case: RunCase, result: Result) -> bool:
    return _move(
        case,
        {
            "state": RunCase.State.DONE,
            "outcome": result.outcome,
            "cause": result.cause,
            "reason": result.reason[:500],
            "claim": None,
            "claimed_until": None,
            "finished_at": timezone.now(),
        },
    )


def _move(case: RunCase, changes: dict[str, Any]) -> bool:
    """Only from where the case was read: of two who settle it, one does."""
    moved = RunCase.objects.filter(pk=case.pk, state=case.state, attempt=case.attempt).update(**changes)
    if moved:
        tell(case.run_id)
    return bool(moved)


# --- Ending -----------------------------------------------------------------------------------------------------------
OPEN: Final = (RunCase.State.WAITING, RunCase.State.PLACING, RunCase.State.CALLING)


def close_runs() -> int:
    """End the runs in which nothing is left to do; how many."""
    # A spoiled case that began to wait while the run was being stopped.
    RunCase.objects.filter(run__state=Run.State.STOPPING, state=RunCase.State.WAITING).update(
        state=RunCase.State.STOPPED, finished_at=timezone.now()
    )
    return sum(_close(run) for run in _without_open_cases())


def _without_open_cases() -> Iterable[Run]:
    running = Run.objects.filter(state__in=(Run.State.RUNNING, Run.State.STOPPING))
    return running.exclude(cases__state__in=OPEN)


def _close(run: Run) -> bool:
    ended = Run.State.FINISHED if run.state == Run.State.RUNNING else Run.State.STOPPED
    # The state is asked again: a retry may have reopened the run since it was read.
    idle = Run.objects.filter(pk=run.pk, state=run.state).exclude(cases__state__in=OPEN)
    if not idle.update(state=ended, finished_at=timezone.now()):
        return False
    tell(run.pk)
    return True
