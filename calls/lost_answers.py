"""Placements whose answer was lost: whether the exchange made a call of them is found out, and never guessed.

Three outcomes: the leg has its CallSid now; the exchange holds no call that could be it; or it cannot be told yet. The
last is no failure: the call may be ringing, and its first webhook will name it. It is waited for until no call that the
exchange might have made can last any longer (`silent_after`).
"""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from calls.models import Call, Leg
from calls.states import LIVE
from calls.telephony.twilio import RemoteCall, TelephonyError
from calls.telephony_account import telephony

# The exchange's clock may be so far behind ours, and a request so long on its way after we stopped waiting for it.
CLOCK_SKEW: Final = timedelta(seconds=30)
# How long a call may last at the exchange after its longest conversation: the margin of the time limit it is given.
TIME_LIMIT_MARGIN_S: Final = 30

log = logging.getLogger(__name__)


class Found(Enum):
    NAMED = "the leg has its CallSid"
    NONE = "the exchange holds no call that could be this one"
    UNKNOWN = "it cannot be told yet"


def look_up(leg: Leg) -> Found:
    """Look for the call that the exchange may have made of a placement without an answer.

    Among the account's calls between the two numbers: placed since we asked, and known to no leg of ours. Where another
    placement to the same number has no answer either, nothing is guessed: each one's webhook names it.
    """
    try:
        remote = telephony().calls_since(
            _asked_at(leg.call) - CLOCK_SKEW, to=leg.call.to_number, from_=leg.call.from_number
        )
    except TelephonyError as error:
        log.warning("Call %s cannot be looked up (%s).", leg.call.public_id, error.code)
        remote = None
    found = Found.UNKNOWN if remote is None else _among(remote, leg)
    leg.refresh_from_db()  # while the exchange was asked its webhook may have come
    return Found.NAMED if leg.call_sid else found


def _among(remote: Collection[RemoteCall], leg: Leg) -> Found:
    # In this order: a call of the list belongs to a placement that was claimed before, so a rival is either without a
    # name still, or the owner of its call by now.
    has_rivals = _rivals(leg).exists()
    owned = set(Leg.objects.filter(call_sid__in=[call.sid for call in remote]).values_list("call_sid", flat=True))
    strange = [call for call in remote if call.sid not in owned]
    if not strange:
        return Found.UNKNOWN if _may_be_on_its_way(leg.call) else Found.NONE
    if has_rivals:
        return Found.UNKNOWN
    return Found.NAMED if adopt_call_sid(leg, strange[-1].sid) else Found.UNKNOWN


def _rivals(leg: Leg) -> "QuerySet[Leg]":
    """Other placements between the same numbers that have no name: unclear ones, and those that are being made."""
    nameless = Leg.objects.filter(is_outbound=True, call_sid=None, call__status__in=LIVE).exclude(pk=leg.pk)
    same = nameless.filter(call__to_number=leg.call.to_number, call__from_number=leg.call.from_number)
    return same.exclude(call__dial_claimed_at=None)


def _may_be_on_its_way(call: Call) -> bool:
    """Another process may still be waiting for the answer, or the exchange be about to make the call."""
    waits = timedelta(seconds=2 * settings.TWILIO_TIMEOUT_S)  # to connect, and to be answered
    return timezone.now() < _asked_at(call) + waits + CLOCK_SKEW


def silent_after(call: Call) -> datetime:
    """From then on no call that the exchange might have made of this placement can still be on."""
    longest_s = settings.RING_TIMEOUT_S + settings.MAX_CALL_S + TIME_LIMIT_MARGIN_S
    return _asked_at(call) + timedelta(seconds=longest_s) + 2 * CLOCK_SKEW


def heard_of() -> Q:
    """Calls of which the exchange has told us anything: a leg of theirs has a name, or a stream."""
    told = Leg.objects.filter(call=OuterRef("pk")).exclude(call_sid=None, stream_started_at=None)
    return Q(Exists(told))


def _asked_at(call: Call) -> datetime:
    return call.dial_claimed_at or call.created_at


def adopt_call_sid(leg: Leg, call_sid: str) -> bool:
    """Keep the exchange's name of a leg, whichever of the REST answer and the first webhook brings it first."""
    try:
        with transaction.atomic():
            Leg.objects.filter(pk=leg.pk, call_sid__isnull=True).update(call_sid=call_sid)
            Leg.objects.filter(pk=leg.pk, call_sid="").update(call_sid=call_sid)
    except IntegrityError:  # another leg has this name
        return False
    leg.refresh_from_db()
    return leg.call_sid == call_sid
