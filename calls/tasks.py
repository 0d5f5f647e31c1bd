"""Background work on calls: closing what nobody closed."""

import logging
from datetime import datetime, timedelta

from celery import shared_task
from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from calls import recording_files
from calls.dialling import look_up, waiting_calls
from calls.models import Call, Leg, Recording, Turn
from calls.services import StatusReport, conclude_if_over, dial_waiting, follow, stream_ended
from calls.states import LIVE, TERMINAL, Ending, Status
from calls.telephony.twilio import TelephonyError
from calls.telephony_account import telephony

log = logging.getLogger(__name__)
BATCH = 100


@shared_task(name="calls.sweep_calls")  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_calls() -> int:
    """Find calls that look alive and are not: their process died, or a status callback never came.

    Returns how many it closed, or tried to.
    """
    now = timezone.now()
    open_stream = Leg.objects.filter(call=OuterRef("pk"), stream_started_at__isnull=False, stream_ended_at=None)
    # An imported call is concluded by whoever transcribes it.
    held = Call.objects.filter(concluded_at=None).exclude(direction=Call.Direction.IMPORTED)
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
        close_abandoned(call)
    except Exception:
        # One call that cannot be closed must not keep the others open; it is tried again when the lease runs out.
        log.exception("Call %s could not be closed.", call.public_id)
    return True


def _lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.CALL_LEASE_S)


@shared_task(name="calls.dial_waiting_calls")  # type: ignore[untyped-decorator]  # Celery ships no types
def dial_waiting_calls() -> int:
    """Dial what waits for a free line; how many."""
    return dial_waiting()


def close_abandoned(call: Call) -> None:
    """Bring one call to its end: ask the exchange, close streams and recording, conclude."""
    placed = call.legs.filter(is_outbound=True).first()
    if call.status in LIVE:
        if placed is not None:
            try:
                report = _report(placed, call)
            except TelephonyError as error:
                log.warning("Call %s cannot be looked up (%s); the next sweep tries again.", call.public_id, error.code)
                return
            follow(placed, report)
        elif not call.legs.filter(stream_started_at__isnull=False).exists():
            # It rang at our number, and its media stream never came.
            Call.objects.filter(pk=call.pk, status__in=LIVE).update(
                status=Status.NO_ANSWER, ending=Ending.NOT_CONNECTED
            )
    recording_files.finish(call.pk)
    _finish_turns(call)
    for leg in call.legs.filter(stream_started_at__isnull=False, stream_ended_at=None):
        stream_ended(leg, Ending.ABANDONED, "The process that held the call ended; what was said by then is kept.")
    call.refresh_from_db()
    if call.status in TERMINAL:
        conclude_if_over(call.pk)


def _finish_turns(call: Call) -> None:
    """What was being spoken when the process died was said up to the recording's end."""
    recording = Recording.objects.filter(call=call).first()
    end_ms = recording.duration_ms if recording else 0
    Turn.objects.filter(call=call, is_final=False).update(is_final=True, end_ms=Greatest(F("start_ms"), Value(end_ms)))


def _report(leg: Leg, call: Call) -> StatusReport:
    """What the exchange says of a placed leg; a call that it still holds is hung up, for nobody is on our end."""
    if not leg.call_sid and not look_up(leg):
        return StatusReport(
            Status.FAILED, error_message="The exchange never confirmed this call and knows none to this number."
        )
    assert leg.call_sid
    remote = telephony().fetch(leg.call_sid)
    if remote is None:
        return StatusReport(Status.FAILED, error_code="20404", error_message="The exchange no longer knows this call.")
    status = Status(remote.status)
    if status in TERMINAL:
        return StatusReport(status)
    was_answered = call.answered_at is not None
    telephony().hang_up(leg.call_sid, was_answered=was_answered)
    return StatusReport(Status.COMPLETED if was_answered else Status.CANCELED)
