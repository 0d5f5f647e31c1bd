"""What the exchange asks and tells us. Every request must carry its signature over the configured callback URL."""

import functools
import logging
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseForbidden
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.answering import Incoming, answer_incoming, new_stream_token
from calls.models import Leg
from calls.services import StatusReport, TelephonyFailed, adopt_call_sid, follow, line_measured, machine_detected
from calls.states import Side, Status
from calls.telephony import signature, twiml
from calls.telephony.twilio import with_advice
from calls.telephony_account import callback_url, stream_url

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]


def signed_by_exchange(view: View) -> View:
    """Admit only requests that the exchange signed: 403 for all others, whoever is signed in."""

    @functools.wraps(view)
    def checked(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        url = callback_url(request.get_full_path())
        given = request.headers.get(signature.HEADER)
        if not signature.is_signed(settings.TWILIO_AUTH_TOKEN, url, given, dict(request.POST.lists())):
            return HttpResponseForbidden(
                "The signature is missing or is not the exchange's for this URL. "
                "If this is a call from Twilio: check PUBLIC_BASE_URL and TWILIO_AUTH_TOKEN.",
                content_type="text/plain",
            )
        return view(request, *args, **kwargs)

    return login_not_required(csrf_exempt(require_POST(checked)))


def _twiml(document: str) -> HttpResponse:
    return HttpResponse(document, content_type="text/xml")


def _connect(leg: Leg) -> HttpResponse:
    return _twiml(twiml.connect_stream(stream_url(), {"token": new_stream_token(leg)}))


@signed_by_exchange
def voice_placed(request: HttpRequest, leg_id: UUID) -> HttpResponse:
    """A call that we placed was answered: connect it to its media stream."""
    leg = get_object_or_404(Leg, public_id=leg_id, is_outbound=True)
    adopt_call_sid(leg, request.POST.get("CallSid", ""))
    return _connect(leg)


@signed_by_exchange
def voice(request: HttpRequest) -> HttpResponse:
    """A call to one of our numbers."""
    incoming = Incoming(
        call_sid=request.POST.get("CallSid", ""),
        from_number=request.POST.get("From", ""),
        to_number=request.POST.get("To", ""),
        parent_call_sid=request.POST.get("ParentCallSid", ""),
    )
    if not incoming.call_sid or not incoming.to_number:
        return HttpResponseBadRequest("CallSid and To are missing.", content_type="text/plain")
    leg = answer_incoming(incoming)
    return _twiml(twiml.reject()) if leg is None else _connect(leg)


@signed_by_exchange
def status(request: HttpRequest, leg_id: UUID) -> HttpResponse:
    """A status callback. It may come late, twice, or out of order."""
    leg = get_object_or_404(Leg, public_id=leg_id)
    try:
        reported = Status(request.POST.get("CallStatus", ""))
        sequence = int(request.POST.get("SequenceNumber", "-1"))
    except ValueError:
        return HttpResponseBadRequest("CallStatus or SequenceNumber cannot be read.", content_type="text/plain")
    adopt_call_sid(leg, request.POST.get("CallSid", ""))
    code = request.POST.get("ErrorCode", "")[:20]
    said = with_advice(request.POST.get("ErrorMessage", ""), code)[:500] if code else ""
    report = StatusReport(reported, sequence if sequence >= 0 else None, code, said)
    for name, side in (("SandboxLineSent", Side(leg.side)), ("SandboxLineHeard", Side(leg.side).other)):
        if told := request.POST.get(name, ""):
            line_measured(leg, side, told)
    follow(leg, report)
    return HttpResponse(status=204)


@signed_by_exchange
def machine_detection(request: HttpRequest, leg_id: UUID) -> HttpResponse:
    """Who answered a placed call: a person, a machine, a fax. Told after the answer, at most once."""
    leg = get_object_or_404(Leg.objects.select_related("call__agent_version"), public_id=leg_id, is_outbound=True)
    answered_by = request.POST.get("AnsweredBy", "")
    if not answered_by:
        return HttpResponseBadRequest("AnsweredBy is missing.", content_type="text/plain")
    adopt_call_sid(leg, request.POST.get("CallSid", ""))
    try:
        machine_detected(leg, answered_by)
    except TelephonyFailed as failed:
        # The call goes on as a conversation, until its silence or its longest duration ends it.
        log.warning("Call %s met a machine and could not be ended (%s).", leg.call.public_id, failed.code)
        return HttpResponse(failed.message, status=502, content_type="text/plain")
    return HttpResponse(status=204)
