"""Deleting what was said and recorded once it is old enough; the figures and verdicts of the call stay. And the keys of
creates, once nobody repeats them any more."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from calls.models import Call, CallEvent, Recording, Turn
from evaluations.models import Measurement, Verdict
from klix_site.models import CreateRequest

BATCH: Final = 100
KEYS_KEPT: Final = timedelta(hours=24)
NOTICE: Final = "The recording and the transcript of this call were deleted after {days} days."

log = logging.getLogger(__name__)


@shared_task(name="klix_site.delete_old_words", ignore_result=True)  # type: ignore[untyped-decorator]  # Celery ships no types
def delete_old_words() -> int:
    """Of calls that ended more than KLIX_RETENTION_DAYS ago; 0 keeps everything. How many calls were cleared. May run
    twice, and after a crash in its middle."""
    days = settings.RETENTION_DAYS
    if not days:
        return 0
    cleared = 0
    while calls := _due(days):
        forget(calls, NOTICE.format(days=days))
        cleared += len(calls)
    if cleared:
        log.info("The recordings and transcripts of %d calls were deleted after %d days.", cleared, days)
    return cleared


@shared_task(name="klix_site.forget_old_keys", ignore_result=True)  # type: ignore[untyped-decorator]  # Celery ships no types
def forget_old_keys() -> int:
    """Idempotency keys, and the answers that are kept for their repeats, after KEYS_KEPT; how many. May run twice."""
    old = CreateRequest.objects.filter(created_at__lt=timezone.now() - KEYS_KEPT)
    deleted, _ = old.delete()
    return deleted


def _due(days: int) -> list[Call]:
    """Some of the calls that are old enough and were not cleared yet: an index holds only those."""
    old = Call.objects.filter(forgotten_at=None, ended_at__lt=timezone.now() - timedelta(days=days))
    return list(old.filter(concluded_at__isnull=False).order_by("ended_at")[:BATCH])


def forget(calls: Sequence[Call], notice: str) -> None:
    """The files go first: if this process dies in between, the next night finds the calls again. A fixed number of
    queries, in one short transaction."""
    for file in Recording.objects.filter(call__in=calls).exclude(file="").values_list("file", flat=True):
        (Path(settings.RECORDINGS_DIR) / Path(file).name).unlink(missing_ok=True)
    with transaction.atomic():
        Recording.objects.filter(call__in=calls).update(state=Recording.State.EMPTY, file="")
        Turn.objects.filter(call__in=calls).delete()
        CallEvent.objects.filter(call__in=calls).exclude(data={}).update(data={})
        _forget_quotes(calls)
        Call.objects.filter(pk__in=[call.pk for call in calls]).update(notice=notice, forgotten_at=timezone.now())


def _forget_quotes(calls: Sequence[Call]) -> None:
    """Where a verdict or a figure points to stays; the words there go."""
    verdicts = list(Verdict.objects.filter(evaluation__call__in=calls))
    for verdict in verdicts:
        verdict.evidence = [_without_words(item, "quote") for item in verdict.evidence]
        verdict.reason = ""
        verdict.votes = [{"outcome": vote.get("outcome", "")} for vote in verdict.votes]
    Verdict.objects.bulk_update(verdicts, ["evidence", "reason", "votes"], batch_size=BATCH)
    measurements = list(Measurement.objects.filter(evaluation__call__in=calls).exclude(occurrences=[]))
    for measurement in measurements:
        measurement.occurrences = [_without_words(item, "note") for item in measurement.occurrences]
    Measurement.objects.bulk_update(measurements, ["occurrences"], batch_size=BATCH)


def _without_words(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {**item, name: ""}
