"""Deleting what was said and recorded once it is old enough; the figures and verdicts of the call stay."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from calls.models import Call, CallEvent, Recording, Turn
from evaluations.models import Measurement, Verdict

BATCH: Final = 200
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
        for call in calls:
            forget(call, NOTICE.format(days=days))
        cleared += len(calls)
    if cleared:
        log.info("The recordings and transcripts of %d calls were deleted after %d days.", cleared, days)
    return cleared


def _due(days: int) -> list[Call]:
    """Calls that are old enough and were not cleared yet: the notice tells."""
    old = Call.objects.filter(ended_at__lt=timezone.now() - timedelta(days=days), concluded_at__isnull=False)
    return list(old.exclude(notice__startswith=NOTICE[:40]).order_by("id")[:BATCH])


def forget(call: Call, notice: str) -> None:
    """The file goes first: if this process dies in between, the next night finds the call again."""
    recording = Recording.objects.filter(call=call).first()
    if recording and recording.file:
        (Path(settings.RECORDINGS_DIR) / Path(recording.file).name).unlink(missing_ok=True)
    with transaction.atomic():
        Recording.objects.filter(call=call).update(state=Recording.State.EMPTY, file="")
        Turn.objects.filter(call=call).delete()
        CallEvent.objects.filter(call=call).exclude(data={}).update(data={})
        _forget_quotes(call)
        Call.objects.filter(pk=call.pk).update(notice=notice)


def _forget_quotes(call: Call) -> None:
    """Where a verdict or a figure points to stays; the words there go."""
    for verdict in Verdict.objects.filter(evaluation__call=call):
        verdict.evidence = [_without_words(item, "quote") for item in verdict.evidence]
        verdict.reason = ""
        verdict.votes = [{"outcome": vote.get("outcome", "")} for vote in verdict.votes]
        verdict.save(update_fields=["evidence", "reason", "votes"])
    for measurement in Measurement.objects.filter(evaluation__call=call).exclude(occurrences=[]):
        measurement.occurrences = [_without_words(item, "note") for item in measurement.occurrences]
        measurement.save(update_fields=["occurrences"])


def _without_words(item: dict[str, Any], name: str) -> dict[str, Any]:
    return {**item, name: ""}
