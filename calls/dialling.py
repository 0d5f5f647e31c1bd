"""Dialling: at the pace and on as many lines as the exchange allows, each call once.

A call waits as a row with status `queued` and without `dial_claimed_at`, so the queue survives every restart. Whoever
dials it claims it first by a conditional update, under a lock of the DialGate row that keeps the pace between all
processes. A claimed call is never dialled again: where it is unclear whether the exchange took it, the account's calls
to that number are looked up (calls/lost_answers.py).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from calls.destinations import extension_of
from calls.lost_answers import TIME_LIMIT_MARGIN_S, adopt_call_sid, look_up
from calls.models import Call, DialGate, Leg
from calls.refusals import CallRefused, TelephonyFailed
from calls.states import Side, Status
from calls.telephony.twilio import BUSY_CODES, Detection, TelephonyError
from calls.telephony_account import callback_url, telephony
from calls.waiting import busy_lines, waiting_calls
from calls.waiting import is_waiting as is_waiting
from calls.waiting import waiting_reason as waiting_reason

# A tick of the queue that comes a little early must not lose its turn: twice as slow would be the result.
EARLY_S: Final = 0.2
# After the exchange said that it has no room.
PAUSE_S: Final = 2.0

Fail = Callable[[Call, str, str], None]


# --- The queue --------------------------------------------------------------------------------------------------------
def claim_next(only: int | None = None) -> Call | None:
    """Takes the oldest waiting call, if one may be dialled now and (with `only`) it is that one. Admits once."""
    with transaction.atomic():
        gate, _ = DialGate.objects.select_for_update().get_or_create(pk=1, defaults={"next_at": timezone.now()})
        now = timezone.now()
        waiting = waiting_calls().select_related("agent")
        # Where there are limits, nobody overtakes; where there are none, nobody waits for a process that died.
        is_limited = settings.LINES or settings.CALLS_PER_SECOND
        first = waiting.first() if only is None or is_limited else waiting.filter(pk=only).first()
        if first is None or (only is not None and first.pk != only) or not _may_dial(gate, now):
            return None
        lease_s = settings.RING_TIMEOUT_S + settings.CALL_LEASE_S
        claimed = Call.objects.filter(pk=first.pk, status=Status.QUEUED, dial_claimed_at=None)
        if not claimed.update(dial_claimed_at=now, lease_until=now + timedelta(seconds=lease_s)):
            return None
        if settings.CALLS_PER_SECOND > 0:
            gate.next_at = max(gate.next_at, now) + timedelta(seconds=1 / settings.CALLS_PER_SECOND)
            gate.save(update_fields=["next_at"])
    first.refresh_from_db()
    return first


def _may_dial(gate: DialGate, now: datetime) -> bool:
    if settings.LINES and busy_lines() >= settings.LINES:
        return False
    return gate.next_at <= now + timedelta(seconds=EARLY_S)


def cancel_waiting(call: Call) -> bool:
    """Takes a call out of the queue; False if it was dialled already."""
    now = timezone.now()
    waiting = Call.objects.filter(pk=call.pk, status=Status.QUEUED, dial_claimed_at=None, legs__is_outbound=True)
    return bool(waiting.update(status=Status.CANCELED, ended_at=now))


# --- Dialling ---------------------------------------------------------------------------------------------------------
def dial(call: Call, fail: Fail) -> None:
    """Dial a claimed call. `fail(call, code, message)` ends one that was refused. Raises TelephonyFailed after that."""
    leg = call.legs.get(is_outbound=True)
    try:
        call_sid = _place(call, leg)
    except CallRefused as refused:
        fail(call, "", refused.message)
        raise TelephonyFailed(refused.message, "", call) from refused
    except TelephonyError as error:
        if error.code in BUSY_CODES:
            _back_to_the_queue(call)
        elif error.is_unclear:
            # It may be ringing. If this does not find it, its first webhook or the sweep will.
            look_up(leg)
        else:
            fail(call, error.code, error.message)
            raise TelephonyFailed(error.message, error.code, call) from error
        return
    adopt_call_sid(leg, call_sid)


def _place(call: Call, leg: Leg) -> str:
    detects = bool(call.scenario_snapshot.get("on_voicemail"))
    return telephony().place(
        to=call.to_number,
        from_=call.from_number,
        url=callback_url(reverse("twilio:voice-placed", args=[leg.public_id])),
        status_callback=callback_url(reverse("twilio:status", args=[leg.public_id])),
        ring_timeout_s=settings.RING_TIMEOUT_S,
        time_limit_s=settings.MAX_CALL_S + TIME_LIMIT_MARGIN_S,
        send_digits=call.send_digits or None,
        detection=Detection(callback_url(reverse("twilio:amd", args=[leg.public_id]))) if detects else None,
        extension=extension_of(call, Side(leg.side)) if settings.TELEPHONY == "sandbox" else None,
    )


def _back_to_the_queue(call: Call) -> None:
    """The exchange has no room: nothing was dialled, so this call may be, a little later."""
    with transaction.atomic():
        next_at = timezone.now() + timedelta(seconds=PAUSE_S)
        DialGate.objects.update_or_create(pk=1, defaults={"next_at": next_at})
        Call.objects.filter(pk=call.pk, status=Status.QUEUED).update(dial_claimed_at=None, lease_until=None)
    call.refresh_from_db()
