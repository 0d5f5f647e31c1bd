"""Suites that are run by themselves. What is due is in the database: a restart loses and repeats nothing."""

import logging

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from evaluations.run_models import Schedule
from evaluations.runs.cron import next_time
from evaluations.runs.starting import Limits, RunRefused, start_run

log = logging.getLogger(__name__)


def start_due() -> int:
    """Start the runs whose time has come; how many. Times that were missed while Klix was down are run once."""
    now = timezone.now()
    enabled = Schedule.objects.filter(is_enabled=True, suite__archived_at=None, agent__archived_at=None)
    due = enabled.filter(Q(next_at=None) | Q(next_at__lte=now)).select_related("suite", "agent")
    return sum(_start(schedule) for schedule in due)


def _start(schedule: Schedule) -> bool:
    due_at = schedule.next_at
    try:
        following = next_time(schedule.cron, timezone.now())
    except ValidationError as error:
        Schedule.objects.filter(pk=schedule.pk).update(is_enabled=False, problem="; ".join(error.messages)[:300])
        return False
    with transaction.atomic():
        # The time is the claim: of several processes one moves it on, and the run is made in the same transaction.
        if not Schedule.objects.filter(pk=schedule.pk, next_at=due_at).update(next_at=following, problem=""):
            return False
        if due_at is None:
            return False  # a new schedule: its first time lies ahead
        try:
            _run(schedule, f"schedule:{schedule.public_id}:{due_at.isoformat()}")
        except RunRefused as refused:
            Schedule.objects.filter(pk=schedule.pk).update(problem=refused.message[:300])
            log.warning("Schedule %s could not start its run; the reason is kept with it.", schedule.public_id)
            return False
    return True


def _run(schedule: Schedule, key: str) -> None:
    version = schedule.agent.current_version
    if version is None:
        raise RunRefused(f"{schedule.agent.name} has no version yet.", "agent")
    limits = Limits(schedule.max_cost, schedule.max_minutes)
    start_run(schedule.suite, version, limits=limits, label="scheduled", idempotency_key=key)
