"""Reading Twilio's REST parameters, and the middleware of every request: the account's credentials, error bodies."""

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from aiohttp import web

from calls.sandbox.accounts import Account
from calls.sandbox.errors import RestError, not_found, unsupported
from calls.sandbox.exchange import Exchange
from calls.sandbox.network import url_fault
from calls.sandbox.record import API_VERSION

EXCHANGE: Final = web.AppKey("exchange", Exchange)
ASKING: Final = web.RequestKey("asking", Account)
ACCOUNT: Final = f"/{API_VERSION}/Accounts/{{account}}"
_PUBLIC_PATHS: Final = ("/healthz",)
MAX_PAGE_SIZE: Final = 1000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Form:
    """The parameters of one request, each read once; `finish` refuses those that nobody read."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = dict(values)

    def texts(self, name: str) -> list[str]:
        return self._values.pop(name, [])

    def text(self, name: str, default: str = "") -> str:
        return next(iter(self.texts(name)), "").strip() or default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
            raise RestError(400, 20001, f"{name} must be a whole number from {low} to {high}.")
        return int(text)

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        text = self.text(name, default)
        if text not in allowed:
            raise RestError(400, 20001, f"{name} must be one of {', '.join(allowed)}.")
        return text

    def flag(self, name: str) -> bool:
        return self.choice(name, ("true", "false", "True", "False"), "false").lower() == "true"

    def method(self, name: str) -> str:
        return self.choice(name, ("POST", "GET"), "POST")

    def url(self, name: str, exchange: Exchange, code: int = 21205) -> str:
        """An http URL that the exchange may call, or ""."""
        text = self.text(name)
        remote = exchange.setup.allow_remote_applications
        if text and (fault := url_fault(text, schemes=("http", "https"), may_be_remote=remote)):
            raise RestError(400, code, f"{name}: {fault}")
        return text

    # None where the parameter is not given, "" where it is given empty: to change only what is named.
    def optional(self, name: str) -> str | None:
        return self.text(name) if name in self._values else None

    def optional_url(self, name: str, exchange: Exchange, code: int) -> str | None:
        return self.url(name, exchange, code) if name in self._values else None

    def optional_method(self, name: str) -> str | None:
        return self.method(name) if name in self._values else None

    def finish(self) -> None:
        if self._values:
            raise unsupported(min(self._values))


async def read_form(request: web.Request) -> Form:
    try:
        posted = await request.post()
    except (ValueError, LookupError) as error:
        raise RestError(400, 20001, "The body is not a form in UTF-8.") from error
    values: dict[str, list[str]] = {}
    for name, value in posted.items():
        if not isinstance(value, str):
            raise RestError(400, 20001, f"{name} must be text, not a file.")
        values.setdefault(name, []).append(value)
    return Form(values)


def read_query(request: web.Request) -> Form:
    return Form({name: request.query.getall(name) for name in request.query})


def page(request: web.Request, query: Form, key: str, entries: list[dict[str, object]]) -> web.Response:
    """One page of a list, with Twilio's paging fields. `query`: the filters must have been read from it."""
    size = query.number("PageSize", 50, 1, MAX_PAGE_SIZE)
    index = query.number("Page", 0, 0, 10**6)
    query.text("PageToken")
    query.finish()
    start = index * size
    shown = entries[start : start + size]
    following = request.rel_url.update_query(Page=index + 1) if start + size < len(entries) else None
    previous = request.rel_url.update_query(Page=index - 1) if index else None
    body = {
        key: shown,
        "page": index,
        "page_size": size,
        "start": start,
        "end": start + max(0, len(shown) - 1),
        "uri": str(request.rel_url),
        "first_page_uri": str(request.rel_url.update_query(Page=0)),
        "next_page_uri": str(following) if following else None,
        "previous_page_uri": str(previous) if previous else None,
    }
    return web.json_response(body)


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Credentials first, then the handler; every refusal in Twilio's form."""
    try:
        if request.path not in _PUBLIC_PATHS:
            _check_account(request)
        return await handler(request)
    except RestError as error:
        headers = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if error.status == 401 else {}
        return web.json_response(error.body, status=error.status, headers=headers)
    except web.HTTPNotFound:
        return web.json_response(not_found(request.path).body, status=404)
    except web.HTTPMethodNotAllowed:
        refusal = RestError(405, 20004, f"{request.method} is not allowed on {request.path}")
        return web.json_response(refusal.body, status=405)


def _check_account(request: web.Request) -> None:
    accounts = request.app[EXCHANGE].accounts
    sid, token = _credentials(request.headers.get("Authorization", ""))
    known = [account for account in (accounts.own, *accounts.guests()) if _is(account, sid, token)]
    if not known:
        raise RestError(401, 20003, "Authenticate")
    named = request.match_info.get("account")
    if named is not None and named != known[0].sid:
        raise not_found(request.path)
    if known[0] != accounts.own:
        _check_guest(request)
    request[ASKING] = known[0]


def _is(account: Account, sid: bytes, token: bytes) -> bool:
    right_sid = hmac.compare_digest(sid, account.sid.encode())
    return hmac.compare_digest(token, account.token.encode()) and right_sid


def _check_guest(request: web.Request) -> None:
    """The account of an application that was called: it may read and change its own calls (rest_calls), no more."""
    resource = request.path.partition(request.match_info.get("account", "\0"))[2]
    if not resource.startswith("/Calls") or (request.method == "POST" and resource == "/Calls.json"):
        raise RestError(403, 20003, "This account may only read and change the calls that its application answered.")


def _credentials(header: str) -> tuple[bytes, bytes]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return b"", b""
    try:
        sid, _, token = base64.b64decode(encoded, validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return b"", b""
    return sid, token
