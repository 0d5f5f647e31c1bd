"""`manage.py check_twilio` and `set_voice_url`, against the sandbox and a server that stands for the public address."""

import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from io import StringIO
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from aiohttp import web
from django.core.management import CommandError, call_command
from django.test import override_settings

from calls.sandbox.exchange import Setup
from calls.telephony import reachability, signature
from tests.calls.sandbox.application import SID, TOKEN, serving
from tests.calls.sandbox.in_thread import RunningSandbox, running_sandbox
from tests.served import QuietHandler, served

NUMBER = "+15550100123"


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    account = {"TWILIO_ACCOUNT_SID": SID, "TWILIO_AUTH_TOKEN": TOKEN, "CALLBACK_BASE_URL": "http://127.0.0.1:9"}
    with (
        running_sandbox(Setup(SID, TOKEN)) as running,
        override_settings(TWILIO_API_BASE_URL=running.url, TWILIO_NUMBER=NUMBER, **account),
    ):
        yield running


def run(*arguments: Any, **options: Any) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output, **options)
    return output.getvalue()


# --- set_voice_url ----------------------------------------------------------------------------------------------------
def test_a_number_gets_our_voice_url_and_then_another(sandbox: RunningSandbox) -> None:
    assert f"Calls to {NUMBER} now go to http://127.0.0.1:9/twilio/voice." in run("set_voice_url", NUMBER)
    said = run("set_voice_url", NUMBER, url="http://127.0.0.1:5000/voice")
    assert "before to http://127.0.0.1:9/twilio/voice" in said
    assert "before" not in run("set_voice_url", NUMBER, url="http://127.0.0.1:5000/voice")  # it went there already
    (number,) = sandbox.exchange.directory.all()
    assert (number.phone_number, number.voice_url) == (NUMBER, "http://127.0.0.1:5000/voice")


@override_settings(TELEPHONY="twilio")
def test_at_twilio_no_number_is_bought_by_the_way(sandbox: RunningSandbox) -> None:
    with pytest.raises(CommandError, match="buy it in the Twilio console first"):
        run("set_voice_url", NUMBER)
    assert sandbox.exchange.directory.all() == []


def test_a_number_that_is_none_is_refused(sandbox: RunningSandbox) -> None:
    with pytest.raises(CommandError, match=r"E\.164"):
        run("set_voice_url", "12345")


def test_a_voice_url_that_is_none_is_refused_by_its_own_name(sandbox: RunningSandbox) -> None:
    with pytest.raises(CommandError, match=r"--url 'example.com/voice' is no address"):
        run("set_voice_url", NUMBER, url="example.com/voice")


# --- check_twilio -----------------------------------------------------------------------------------------------------
def failures(output: StringIO) -> dict[str, str]:
    with pytest.raises(CommandError):
        call_command("check_twilio", stdout=output)
    lines = [line[6:].partition(": ") for line in output.getvalue().splitlines() if line.startswith("FAIL")]
    return {what.split()[0]: problem for what, _, problem in lines}


def test_wrong_credentials_are_named(sandbox: RunningSandbox) -> None:
    with override_settings(TWILIO_AUTH_TOKEN="wrong"):
        found = failures(StringIO())
    assert "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN" in found["account"]
    assert "20003" in found["account"]
    assert "Authenticate. Check" in found["account"]  # two sentences


def test_a_sandbox_that_does_not_run_is_said_with_what_to_start() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with override_settings(TELEPHONY="sandbox", TWILIO_API_BASE_URL=address):
            found = failures(StringIO())
    assert found["account"] == f"Nothing answers at {address}: start Klix (make run), or only it (manage.py sandbox)."


@override_settings(TELEPHONY="twilio")
def test_a_number_of_somebody_else_is_said(sandbox: RunningSandbox) -> None:
    found = failures(StringIO())
    assert "neither one of this account's numbers nor a verified caller id" in found["the"]


class VerifiedElsewhere(QuietHandler):
    """An account without numbers, one verified caller id."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        found: dict[str, Any] = {"sid": SID, "status": "active"}
        if path.endswith("Numbers.json"):
            found = {"incoming_phone_numbers": []}
        elif path.endswith("CallerIds.json"):
            found = {"outgoing_caller_ids": [{"sid": "PN1", "phone_number": NUMBER}]}
        self.answer(200, json.dumps(found).encode(), Content_Type="application/json")


@override_settings(TELEPHONY="twilio", TWILIO_NUMBER=NUMBER, TWILIO_ACCOUNT_SID=SID, TWILIO_AUTH_TOKEN=TOKEN)
def test_a_verified_caller_id_is_enough_to_call_and_not_to_be_called() -> None:
    output = StringIO()
    with (
        served(VerifiedElsewhere) as url,
        override_settings(TWILIO_API_BASE_URL=url, CALLBACK_BASE_URL="http://127.0.0.1:9"),
    ):
        found = failures(output)
    assert "the" not in found
    assert "a verified caller id: calls go out from it" in output.getvalue()


def test_an_address_where_nothing_listens_is_said(sandbox: RunningSandbox) -> None:
    found = failures(StringIO())
    assert "nothing listens at 127.0.0.1" in found["webhooks"]
    assert "nothing listens" in found["media"]
    assert "account" not in found


# --- The probes -------------------------------------------------------------------------------------------------------
class Front:
    """What the public address leads to: Klix's own answers, unless `answer` is set."""

    def __init__(self) -> None:
        self.answer: Callable[[], web.Response] | None = None
        self.token = TOKEN
        self.base = ""
        self.takes_websockets = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        given = request.headers.get(signature.HEADER)
        if request.path == "/ws" and self.takes_websockets:
            if not signature.is_handshake_signed(self.token, self.base.replace("http", "ws", 1) + "/ws", given):
                return web.Response(status=403)
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            async for _ in socket:
                pass
            return socket
        if self.answer is not None:
            return self.answer()
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not signature.is_signed(self.token, self.base + request.path, given, form):
            return web.Response(status=403, text=f"{reachability.REFUSAL} or is not the exchange's.")
        return web.Response(text='<?xml version="1.0"?><Response><Reject/></Response>', content_type="text/xml")

    async def problems(self) -> tuple[str, str]:
        return (
            await reachability.webhook_problem(self.base, "/twilio/voice", TOKEN),
            await reachability.stream_problem(self.base.replace("http", "ws", 1) + "/ws", TOKEN),
        )


@pytest_asyncio.fixture
async def front() -> AsyncIterator[Front]:
    front, app = Front(), web.Application()
    app.router.add_route("*", "/{path:.*}", front.handle)
    async with serving(app) as front.base:
        yield front


async def test_a_right_address_has_no_problem(front: Front) -> None:
    assert await front.problems() == ("", "")


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (302, {"Location": "https://klix.example.com/"}, "redirects to https://klix.example.com/"),
        (502, {}, "does not reach Klix"),
        (401, {}, "asks for a password"),
        (404, {}, "is not this Klix"),
        (200, {}, "is not this Klix"),
    ],
)
async def test_what_stands_in_the_way_is_named(front: Front, status: int, headers: dict[str, str], said: str) -> None:
    front.answer = lambda: web.Response(status=status, headers=headers)
    assert said in (await front.problems())[0]


async def test_another_token_is_found_out(front: Front) -> None:
    front.token = "another"
    webhook, stream = await front.problems()
    assert "another PUBLIC_BASE_URL or TWILIO_AUTH_TOKEN" in webhook
    assert "signed handshake is refused" in stream


async def test_a_proxy_without_websockets_is_found_out(front: Front) -> None:
    front.takes_websockets = False
    front.answer = lambda: web.Response(status=404)
    assert "does not pass websockets on" in (await front.problems())[1]


async def test_a_name_that_does_not_exist_is_said() -> None:
    problem = await reachability.webhook_problem("http://gone.invalid", "/twilio/voice", TOKEN)
    assert "gone.invalid does not exist (DNS)" in problem


def test_an_https_address_that_stays_silent_may_be_a_port_of_plain_http() -> None:
    said = [reachability.connection_problem(TimeoutError(), f"{scheme}://klix.test/ws") for scheme in ("https", "http")]
    assert ["plain http" in each for each in said] == [True, False]
