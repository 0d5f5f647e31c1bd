"""REST: the Calls resource."""

import asyncio
from typing import Final

from aiohttp import web

from calls.sandbox.errors import RestError, not_found
from calls.sandbox.exchange import Exchange, Placement
from calls.sandbox.extension import read_extension
from calls.sandbox.network import is_number
from calls.sandbox.performance import Source
from calls.sandbox.record import CallRecord, rfc2822
from calls.sandbox.reports import EVENTS, Subscription
from calls.sandbox.rest import ACCOUNT, ASKING, EXCHANGE, Form, page, read_form, read_query
from calls.telephony.twiml import PLAYED_DIGITS

MAX_TWIML_CHARS: Final = 4000
_TUNING: Final = (
    "MachineDetectionTimeout",
    "MachineDetectionSpeechThreshold",
    "MachineDetectionSpeechEndThreshold",
    "MachineDetectionSilenceTimeout",
)
routes = web.RouteTableDef()


@routes.post(ACCOUNT + "/Calls.json")
async def create(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    form = await read_form(request)
    placement = _placement(form, exchange)
    extension = read_extension(form, exchange)
    form.finish()
    if extension.line.is_good:
        placement = extension.applied_to(placement)
    else:  # making a line's noise takes a while
        placement = await asyncio.to_thread(extension.applied_to, placement)
    return web.json_response(exchange.place(placement).as_json(), status=201)


@routes.get(ACCOUNT + "/Calls.json")
async def index(request: web.Request) -> web.Response:
    query = read_query(request)
    filters = {name: query.text(name) for name in ("To", "From", "Status", "ParentCallSid")}
    calls = [call.as_json() for call in request.app[EXCHANGE].calls() if _matches(call, filters, request)]
    return page(request, query, "calls", calls)


@routes.get(ACCOUNT + "/Calls/{sid}.json")
async def fetch(request: web.Request) -> web.Response:
    return web.json_response(_call(request).as_json())


@routes.get(ACCOUNT + "/Calls/{sid}/Notifications.json")
async def notifications(request: web.Request) -> web.Response:
    """What went wrong on a call, with Twilio's error numbers."""
    call = _call(request)
    entries: list[dict[str, object]] = [
        {
            "account_sid": call.account_sid,
            "call_sid": call.sid,
            "error_code": str(problem.code),
            "log": "0" if problem.is_fatal else "1",
            "message_text": problem.message,
            "more_info": f"https://www.twilio.com/docs/errors/{problem.code}",
            "message_date": rfc2822(call.updated_at),
        }
        for problem in call.problems
    ]
    return page(request, read_query(request), "notifications", entries)


@routes.post(ACCOUNT + "/Calls/{sid}.json")
async def update(request: web.Request) -> web.Response:
    call, exchange = _call(request), request.app[EXCHANGE]
    form = await read_form(request)
    status = form.choice("Status", ("", "completed", "canceled"), "")
    source = _source(form, exchange)
    form.finish()
    if status:
        _hang_up(call, status, exchange)
    elif source is None:
        raise RestError(400, 20001, "Give Status, Url or Twiml: there is nothing to update.")
    elif not call.is_answered:
        raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
    else:
        exchange.redirect(call, source)
    return web.json_response(call.as_json())


def _hang_up(call: CallRecord, status: str, exchange: Exchange) -> None:
    if call.is_over:
        raise RestError(400, 21220, f"Call is not in-progress: it is {call.status.value}.")
    # As at Twilio, "canceled" ends a call that was not answered yet and leaves another alone.
    if status == "completed" or not call.is_answered:
        exchange.hang_up(call)


def _call(request: web.Request) -> CallRecord:
    call = request.app[EXCHANGE].call(request.match_info["sid"])
    if call is None or not _may_see(request, call):
        raise not_found(request.path)
    return call


def _may_see(request: web.Request, call: CallRecord) -> bool:
    asking = request[ASKING]
    return asking == request.app[EXCHANGE].accounts.own or asking == call.account


def _matches(call: CallRecord, filters: dict[str, str], request: web.Request) -> bool:
    if not _may_see(request, call):
        return False
    shown = call.as_json()
    names = {"To": "to", "From": "from", "Status": "status", "ParentCallSid": "parent_call_sid"}
    return all(not wanted or shown[names[name]] == wanted for name, wanted in filters.items())


def _placement(form: Form, exchange: Exchange) -> Placement:
    to, from_ = form.text("To"), form.text("From")
    _check_numbers(to, from_)
    source = _source(form, exchange)
    if source is None:
        raise RestError(400, 21205, "Url or Twiml is required.")
    digits = form.text("SendDigits")
    if not set(digits) <= PLAYED_DIGITS:
        raise RestError(400, 21210, "SendDigits may hold 0-9, *, #, A-D and w (half a second of silence).")
    detects, detection = _detection(form, exchange)
    return Placement(
        to,
        from_,
        source,
        _subscription(form, exchange),
        timeout_s=form.number("Timeout", 60, 1, 600),
        time_limit_s=form.number("TimeLimit", 14400, 1, 86400),
        send_digits=digits,
        detection=detects,
        async_detection=detection,
    )


def _check_numbers(to: str, from_: str) -> None:
    if not to:
        raise RestError(400, 21201, "No 'To' number is specified")
    if not is_number(to):
        raise RestError(400, 21211, f"The phone number you are attempting to call, {to[:40]}, is not valid.")
    if not from_:
        raise RestError(400, 21213, "No 'From' number is specified")
    if not is_number(from_):
        raise RestError(400, 21212, f"The source phone number provided, {from_[:40]}, is not valid.")


def _source(form: Form, exchange: Exchange) -> Source | None:
    url, text, method = form.url("Url", exchange), form.text("Twiml"), form.method("Method")
    fallback, fallback_method = form.url("FallbackUrl", exchange), form.method("FallbackMethod")
    if len(text) > MAX_TWIML_CHARS:
        raise RestError(400, 21206, f"Twiml may hold {MAX_TWIML_CHARS} characters; use Url for more.")
    if not url and not text:
        return None
    return Source("" if text else url, method, text, fallback, fallback_method)


def _subscription(form: Form, exchange: Exchange) -> Subscription:
    url, method = form.url("StatusCallback", exchange, 21609), form.method("StatusCallbackMethod")
    # The client sends a name a value; a list in one value, as TwiML writes it, is read as well.
    events = [event for text in form.texts("StatusCallbackEvent") for event in text.split()] or ["completed"]
    if unknown := sorted(set(events) - set(EVENTS)):
        raise RestError(400, 21626, f"StatusCallbackEvent {unknown[0]!r} is not one of {', '.join(EVENTS)}.")
    return Subscription(url, method, tuple(events))


def _detection(form: Form, exchange: Exchange) -> tuple[str, Subscription | None]:
    """Whether and when machine detection was asked for, and where its result goes if not into the webhook."""
    detects = form.choice("MachineDetection", ("", "Enable", "DetectMessageEnd"), "")
    is_async = form.flag("AsyncAmd")
    url = form.url("AsyncAmdStatusCallback", exchange)
    method = form.method("AsyncAmdStatusCallbackMethod")
    for name in _TUNING:
        form.text(name)
    return detects, Subscription(url, method) if detects and is_async else None
