"""The end of a call whose process died: ask the exchange, close what is open, keep all that was said."""

import logging
from typing import Final

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from calls import recording_files
from calls.lost_answers import Found, heard_of, look_up, silent_after
from calls.models import Call, Leg, Recording, Transcription, Turn
from calls.services import StatusReport, conclude_if_over, follow, stream_ended
from calls.signals import transcription_wanted
from calls.states import LIVE, TERMINAL, Ending, Status
from calls.telephony.twilio import TelephonyError
from calls.telephony_account import telephony

log = logging.getLogger(__name__)
WHY: Final = {
    Found.NONE: "The exchange never confirmed this call and knows none to this number.",
    Found.UNKNOWN: "The exchange never confirmed this call, and whether it made one could not be found out; "
    "nothing was heard of it for longer than a call may last.",
}


def close_abandoned(call: Call) -> None:
    """Bring one call to its end: ask the exchange, close streams and recording, conclude. May run twice."""
    placed = call.legs.filter(is_outbound=True).first()
    if call.status in LIVE:
        if placed is not None:
            if not _settle(placed, call):
                return
        elif not call.legs.filter(stream_started_at__isnull=False).exists():
            # It rang at our number, and its media stream never came.
            Call.objects.filter(pk=call.pk, status__in=LIVE).update(
                status=Status.NO_ANSWER, ending=Ending.NOT_CONNECTED
            )
    recording_files.finish(call.pk)
    _finish_turns(call)
    _want_transcript(call)
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


def _want_transcript(call: Call) -> None:
    """Whoever spoke when the process died is in the recording, and in no turn yet."""
    died = call.legs.filter(is_primary=True, stream_started_at__isnull=False, stream_ended_at=None)
    if not died.exists() or not Recording.objects.filter(call=call, state=Recording.State.READY).exists():
        return
    wanted, is_new = Transcription.objects.get_or_create(call=call)
    if is_new:
        transaction.on_commit(lambda: _announce(wanted))


def _announce(wanted: Transcription) -> None:
    transcription_wanted.send(sender=Transcription, transcription=wanted)


# --- A placed call ----------------------------------------------------------------------------------------------------
def _settle(leg: Leg, call: Call) -> bool:
    """Bring a placed call to the status that the exchange knows; False where that cannot be told yet."""
    if not leg.call_sid:
        found = look_up(leg)
        if found is not Found.NAMED:
            return _give_up(leg, call, found)
    try:
        follow(leg, _report(leg, call))
    except TelephonyError as error:
        log.warning("Call %s cannot be looked up (%s); the next sweep tries again.", call.public_id, error.code)
        return False
    return True


def _give_up(leg: Leg, call: Call, found: Found) -> bool:
    """End a call without a name at the exchange, once it is certain; False as long as it is not.

    One of which the exchange has told us anything is never failed here, not even where it tells just now.
    """
    is_silent = timezone.now() >= silent_after(call)
    if found is Found.NONE or is_silent:
        silent = Call.objects.filter(~heard_of(), pk=call.pk, status__in=LIVE)
        why = {"ending": Ending.NOT_CONNECTED, "error_message": WHY[found]}
        if silent.update(status=Status.FAILED, ended_at=timezone.now(), **why):
            return True
    if not is_silent:
        log.info("Call %s has no CallSid yet: its webhook may still name it.", call.public_id)
        return False
    follow(leg, StatusReport(Status.COMPLETED if call.answered_at else Status.NO_ANSWER))
    return True


def _report(leg: Leg, call: Call) -> StatusReport:
    """What the exchange says of a placed leg; a call that it still holds is hung up, for nobody is on our end."""
    assert leg.call_sid
    remote = telephony().fetch(leg.call_sid)
    if remote is None:
        return StatusReport(Status.FAILED, error_code="20404", error_message="The exchange no longer knows this call.")
    status = Status(remote.status)
    if status in TERMINAL:
        return StatusReport(status)
    was_answered = status is Status.IN_PROGRESS
    telephony().hang_up(leg.call_sid, was_answered=was_answered)
    return StatusReport(Status.COMPLETED if was_answered else Status.CANCELED)
