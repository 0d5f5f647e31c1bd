"""Beginning, stopping and repeating runs."""

import zlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from calls.destinations import dialled_number
from calls.refusals import CallRefused
from calls.services import snapshot
from evaluations.outcomes import Outcome
from evaluations.run_models import Baseline, Run, RunCase, Suite
from evaluations.runs.selectors import budget_spent
from evaluations.runs.signals import run_changed

MAX_CASES = 5_000


class RunRefused(Exception):
    """The run cannot begin, or go on, as asked; `field` names what to change."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


@dataclass(frozen=True, slots=True)
class Limits:
    """What stops a run. None: nothing does."""

    max_cost: Decimal | None = None
    max_minutes: int | None = None


def start_run(
    suite: Suite,
    version: AgentVersion,
    *,
    limits: Limits | None = None,
    seed: int = 1,
    label: str = "",
    strict_judges: bool | None = None,
    idempotency_key: str | None = None,
) -> tuple[Run, bool]:
    """The run with all its cases, waiting to be called, and whether it is new: the same key gives the same run.
    `strict_judges` None: as the suite says.

    Raises RunRefused.
    """
    if idempotency_key and (earlier := Run.objects.filter(idempotency_key=idempotency_key).first()):
        return earlier, False
    _check_agent(version.agent)
    plan = planned_cases(suite)
    limits = limits or Limits()
    asked = {} if strict_judges is None else {"strict_judges": strict_judges}
    try:
        with transaction.atomic():
            run = Run.objects.create(
                suite=suite,
                suite_snapshot=suite_snapshot(suite) | asked,
                agent_version=version,
                max_cost=limits.max_cost,
                max_minutes=limits.max_minutes,
                seed=seed,
                label=label[:120],
                idempotency_key=idempotency_key or None,
            )
            RunCase.objects.bulk_create(RunCase(run=run, index=index, **case) for index, case in enumerate(plan))
    except IntegrityError:
        if not idempotency_key:
            raise
        return Run.objects.get(idempotency_key=idempotency_key), False
    transaction.on_commit(lambda: tell(run.pk))
    return run, True


def _check_agent(agent: Agent) -> None:
    try:
        dialled_number(agent)
    except CallRefused as refused:
        raise RunRefused(refused.message, "agent") from refused


def planned_cases(suite: Suite) -> list[dict[str, Any]]:
    """Repeat by repeat, so that a run that is stopped early has called every scenario equally often.

    Raises RunRefused where the suite cannot be played.
    """
    personas = list(suite.personas.filter(archived_at=None))
    cases = [
        {"scenario": scenario, "persona": persona, "line_name": line_name, "line": line, "repeat": repeat}
        for repeat in range(1, suite.repeats + 1)
        for scenario in suite.scenarios.filter(archived_at=None).select_related("persona").order_by("name")
        for persona in personas or [_own_persona(scenario)]
        for line_name, line in _lines(suite, scenario)
    ]
    if not cases:
        raise RunRefused(f"The suite {suite.name} has no scenarios. Add some to it.", "suite")
    if len(cases) > MAX_CASES:
        raise RunRefused(f"{len(cases)} calls are too many for one run; {MAX_CASES} are possible.", "suite")
    return cases


def _own_persona(scenario: Scenario) -> Persona:
    if scenario.persona is None:
        raise RunRefused(f"Nobody plays {scenario.name}: give it, or the suite, a persona.", "suite")
    return scenario.persona


def _lines(suite: Suite, scenario: Scenario) -> list[tuple[str, dict[str, Any]]]:
    if not suite.lines:
        return [("", scenario.line)]
    return [(line["name"], line.get("conditions", {})) for line in suite.lines]


def suite_snapshot(suite: Suite) -> dict[str, Any]:
    """The suite as it is now: a later edit changes no run."""
    chosen = sorted(suite.criteria.values_list("name", flat=True))
    return {
        "name": suite.name,
        "repeats": suite.repeats,
        "required_pass_rate": suite.required_pass_rate,
        "margin": suite.margin,
        "strict_judges": suite.strict_judges,
        "criteria": chosen or None,
        "scenarios": {str(scenario.pk): snapshot(scenario) for scenario in suite.scenarios.all()},
    }


def scenario_of(case: RunCase) -> dict[str, Any]:
    """The scenario as it was when the run began, on the case's line, with a seed for what the line does at random."""
    kept = case.run.suite_snapshot["scenarios"].get(str(case.scenario_id)) or snapshot(case.scenario)
    seed = zlib.crc32(f"{case.run.seed}:{case.index}".encode())
    return {**kept, "line": {"seed": seed, **case.line} if case.line else {}}


def stop_run(run: Run, reason: str) -> bool:
    """Place no further call; the calls under way end by themselves. Whether it was running."""
    with transaction.atomic():
        stopped = Run.objects.filter(pk=run.pk, state=Run.State.RUNNING).update(
            state=Run.State.STOPPING, stop_reason=reason[:300]
        )
        if stopped:
            _drop_waiting(run)
    if stopped:
        tell(run.pk)
    return bool(stopped)


def _drop_waiting(run: Run) -> None:
    waiting = RunCase.objects.filter(run=run, state=RunCase.State.WAITING)
    waiting.update(state=RunCase.State.STOPPED, finished_at=timezone.now())


def retry_errors(run: Run) -> int:
    """Call again where nothing could be told (errors, spoiled calls) or nothing was called; how many cases.

    What was judged, passed or failed or unsure, stays. Raises RunRefused where the run's budget is spent: it would stop
    again at once.
    """
    if why := budget_spent(run):
        raise RunRefused(f"{why} Start another run to call the rest.")
    with transaction.atomic():
        Run.objects.select_for_update().get(pk=run.pk)
        cases = RunCase.objects.filter(run=run)
        stopped = cases.filter(state=RunCase.State.STOPPED)
        # A case that was stopped before a call keeps its attempt; the next attempt has a call of its own.
        again = stopped.update(state=RunCase.State.WAITING, finished_at=None, due_at=None)
        for case in cases.filter(state=RunCase.State.DONE, outcome=Outcome.ERROR):
            again += cases.filter(pk=case.pk).update(**next_attempt(case), finished_at=None)
        if again:
            Run.objects.filter(pk=run.pk).update(
                state=Run.State.RUNNING, stop_reason="", finished_at=None, announced_at=None, summary=None
            )
    if again:
        tell(run.pk)
    return again


def next_attempt(case: RunCase) -> dict[str, Any]:
    """The changes that make a case wait for another call, and keep this one in its history."""
    told = {
        "attempt": case.attempt,
        "call": str(case.call.public_id) if case.call else None,
        "outcome": case.outcome,
        "cause": case.cause,
        "reason": case.reason,
    }
    return {
        "state": RunCase.State.WAITING,
        "attempt": F("attempt") + 1,
        "history": [*case.history, told],
        "call": None,
        "claim": None,
        "claimed_until": None,
        "outcome": "",
        "cause": "",
        "reason": "",
    }


def set_baseline(run: Run, name: str) -> Baseline:
    """Hold later runs of the suite against this one. Raises RunRefused for a run that is not over."""
    if run.state != Run.State.FINISHED:
        raise RunRefused("Only a finished run can be a baseline.", "run")
    baseline, _ = Baseline.objects.update_or_create(suite=run.suite, name=name, defaults={"run": run})
    return baseline


def tell(pk: int) -> None:
    """After the commit. Django logs what a listener raises."""
    run = Run.objects.filter(pk=pk).first()
    if run is not None:
        run_changed.send_robust(sender=Run, run=run)
