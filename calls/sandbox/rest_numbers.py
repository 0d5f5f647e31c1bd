"""REST: IncomingPhoneNumbers (the directory) and the account itself."""

from aiohttp import web

from calls.sandbox.directory import FIXED_NUMBERS, Number
from calls.sandbox.errors import RestError, not_found
from calls.sandbox.exchange import Exchange
from calls.sandbox.network import is_number
from calls.sandbox.rest import ACCOUNT, EXCHANGE, Form, page, read_form, read_query

routes = web.RouteTableDef()


@routes.get(ACCOUNT + ".json")
async def account(request: web.Request) -> web.Response:
    sid = request.app[EXCHANGE].setup.account_sid
    return web.json_response({"sid": sid, "friendly_name": "Sandbox", "status": "active", "type": "Full"})


@routes.get(ACCOUNT + "/IncomingPhoneNumbers.json")
async def index(request: web.Request) -> web.Response:
    query, exchange = read_query(request), request.app[EXCHANGE]
    wanted = query.text("PhoneNumber")
    entries = [
        number.as_json(exchange.setup.account_sid)
        for number in exchange.directory.all()
        if wanted in ("", number.phone_number)
    ]
    return page(request, query, "incoming_phone_numbers", entries)


@routes.get(ACCOUNT + "/OutgoingCallerIds.json")
async def caller_ids(request: web.Request) -> web.Response:
    """None: here a call may come from any number, and nobody has to verify one."""
    query = read_query(request)
    query.text("PhoneNumber")
    query.text("FriendlyName")
    return page(request, query, "outgoing_caller_ids", [])


@routes.post(ACCOUNT + "/IncomingPhoneNumbers.json")
async def create(request: web.Request) -> web.Response:
    exchange = request.app[EXCHANGE]
    form = await read_form(request)
    phone_number = form.text("PhoneNumber")
    if not is_number(phone_number):
        raise RestError(400, 21421, "PhoneNumber is invalid: write it like +15550100123.")
    if phone_number in FIXED_NUMBERS or exchange.directory.by_number(phone_number):
        raise RestError(400, 21422, f"{phone_number} is not available.")
    number = Number(phone_number)
    _change(number, form, exchange)
    return web.json_response(number.as_json(exchange.setup.account_sid), status=201)


@routes.get(ACCOUNT + "/IncomingPhoneNumbers/{sid}.json")
async def fetch(request: web.Request) -> web.Response:
    return web.json_response(_number(request).as_json(request.app[EXCHANGE].setup.account_sid))


@routes.post(ACCOUNT + "/IncomingPhoneNumbers/{sid}.json")
async def update(request: web.Request) -> web.Response:
    number, exchange = _number(request), request.app[EXCHANGE]
    _change(number, await read_form(request), exchange)
    return web.json_response(number.as_json(exchange.setup.account_sid))


@routes.delete(ACCOUNT + "/IncomingPhoneNumbers/{sid}.json")
async def delete(request: web.Request) -> web.Response:
    request.app[EXCHANGE].directory.remove(_number(request).sid)
    return web.Response(status=204)


def _number(request: web.Request) -> Number:
    number = request.app[EXCHANGE].directory.by_sid(request.match_info["sid"])
    if number is None:
        raise not_found(request.path)
    return number


def _change(number: Number, form: Form, exchange: Exchange) -> None:
    """Only what is given changes."""
    new = {
        "voice_url": form.optional_url("VoiceUrl", exchange, 21502),
        "voice_fallback_url": form.optional_url("VoiceFallbackUrl", exchange, 21502),
        "status_callback": form.optional_url("StatusCallback", exchange, 21502),
        "voice_method": form.optional_method("VoiceMethod"),
        "voice_fallback_method": form.optional_method("VoiceFallbackMethod"),
        "status_callback_method": form.optional_method("StatusCallbackMethod"),
        "friendly_name": form.optional("FriendlyName"),
    }
    form.finish()
    for name, value in new.items():
        if value is not None:
            setattr(number, name, value)
    exchange.directory.save(number)
