"""Background work on calls: dialling what waits, closing what nobody closed."""

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from calls import abandoned
from calls.models import Call, Leg, Transcription
from calls.services import dial_waiting
from calls.states import LIVE
from calls.waiting import waiting_calls

log = logging.getLogger(__name__)
BATCH = 100
NOT_CLOSED = "An error in Klix keeps this call from being closed, the log has it; closing it is tried again."


@shared_task(name="calls.sweep_calls")  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_calls() -> int:
    """Find calls that look alive and are not: their process died, or a status callback never came.

    Returns how many it closed, or tried to.
    """
    now = timezone.now()
    open_stream = Leg.objects.filter(call=OuterRef("pk"), stream_started_at__isnull=False, stream_ended_at=None)
    # A call that waits for its transcript is concluded by whoever makes it.
    held = Call.objects.filter(concluded_at=None).exclude(transcription__state=Transcription.State.WAITING)
    lost = held.filter(_lease_ran_out())
    # Terminal for a while, yet a stream or the recording is open: whoever held it is gone.
    stuck = Q(status__in=LIVE) | Q(ended_at__lt=now - timedelta(seconds=settings.CALL_LEASE_S)) | ~Exists(open_stream)
    closed = 0
    for call in lost.filter(stuck).exclude(pk__in=waiting_calls().values("pk")).order_by("id")[:BATCH]:
        closed += _close_if_still_lost(call)
    return closed


def _lease_ran_out() -> Q:
    return Q(lease_until__lt=timezone.now()) | Q(lease_until=None)


def _close_if_still_lost(call: Call) -> bool:
    """Takes the lease first: of two sweeps one closes it, and its process may have renewed it a moment ago."""
    if not Call.objects.filter(_lease_ran_out(), pk=call.pk, concluded_at=None).update(lease_until=_lease_end()):
        return False
    try:
        abandoned.close_abandoned(call)
    except Exception:
        # A bug of ours: it must not keep the other calls open. This one says so, and is tried again with each lease.
        log.exception("Call %s could not be closed.", call.public_id)
        Call.objects.filter(pk=call.pk, error_message="").update(error_message=NOT_CLOSED)
    return True


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.CALL_LEASE_S)


@shared_task(name="calls.dial_waiting_calls")  # type: ignore[untyped-decorator]  # Celery ships no types
def dial_waiting_calls() -> int:
    """Dial what waits for a free line; how many."""
    return dial_waiting()
