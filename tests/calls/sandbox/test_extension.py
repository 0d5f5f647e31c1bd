"""What a call at the exchange may be given beyond Twilio's parameters: a line, an application of another account."""

import json
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from aiohttp import ClientSession, encode_basic_auth
from twilio.request_validator import RequestValidator

from calls.audio import mulaw
from calls.telephony import twiml
from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, World, until

GUEST_SID, GUEST_TOKEN = "AC" + "9" * 32, "theirs"


@pytest_asyncio.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def ask(
    telephone: World, http: ClientSession, path: str, as_: tuple[str, str] = (SID, TOKEN), **form: str
) -> tuple[int, dict[str, Any]]:
    base = telephone.client.api.base_url
    url = f"{base}/2010-04-01/Accounts/{as_[0]}/{path}"
    method = "POST" if form else "GET"
    headers = {"Authorization": encode_basic_auth(*as_)}
    async with http.request(method, url, data=form or None, headers=headers) as response:
        return response.status, await response.json()


async def place(telephone: World, http: ClientSession, **more: str) -> tuple[int, dict[str, Any]]:
    form = {"To": AGENT, "From": KLIX, "Url": telephone.application.at("/caller"), **more}
    return await ask(telephone, http, "Calls.json", (SID, TOKEN), **form)


async def test_each_direction_has_the_conditions_of_the_line(telephone: World, http: ClientSession) -> None:
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/voice", "/ws/agent")
    line = {"caller": [{"condition": "delay", "ms": 200}], "agent": [{"condition": "level", "db": -20}]}
    status, _ = await place(telephone, http, SandboxLine=json.dumps(line))
    assert status == 201
    caller, agent = await telephone.stream("/ws/caller"), await telephone.stream("/ws/agent")
    loud = mulaw.encode(np.full(1600, 8000, np.int16))
    await caller.play(loud)
    await agent.play(loud)
    await until(lambda: all(leg.playout.buffered_bytes == 1600 for leg in telephone.exchange._legs.values()))
    began = len(agent.audio)
    await telephone.play_out(1)
    await until(lambda: len(agent.audio) >= began + 8000 and len(caller.audio) >= began + 8000)
    heard_by_agent = mulaw.decode(agent.audio[began:])
    assert np.flatnonzero(heard_by_agent)[0] == 1600
    assert np.abs(mulaw.decode(caller.audio)).max() == pytest.approx(800, rel=0.03)


async def test_the_originating_leg_may_be_the_agent(telephone: World, http: ClientSession) -> None:
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/voice", "/ws/agent")
    line = {"caller": [{"condition": "noise", "scene": "street", "snr_db": 10}]}
    await place(telephone, http, SandboxLine=json.dumps(line), SandboxSide="agent")
    near, far = await telephone.stream("/ws/caller"), await telephone.stream("/ws/agent")
    await telephone.play_out(0.5)
    await until(lambda: len(near.audio) >= 4000 and len(far.audio) >= 4000)
    assert len(set(near.audio)) > 20
    assert set(far.audio) == {0xFF}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"SandboxLine": "{"}, "SandboxLine is not JSON"),
        ({"SandboxLine": '{"preset": "wonderful"}'}, "no preset 'wonderful'"),
        ({"SandboxSide": "middle"}, "SandboxSide must be one of caller, agent"),
        ({"SandboxVoiceUrl": "http://example.com/voice"}, "example.com is not on this machine"),
        ({"SandboxAuthToken": "x"}, "give its voice URL"),
        ({"SandboxAccountSid": GUEST_SID, "SandboxVoiceTwiml": "<Response/>"}, "needs a SandboxAuthToken"),
        ({"SandboxAccountSid": "me", "SandboxAuthToken": "x"}, "AC and 32 hexadecimal digits"),
    ],
)
async def test_what_cannot_be_is_refused(
    telephone: World, http: ClientSession, more: dict[str, str], said: str
) -> None:
    status, body = await place(telephone, http, **more)
    assert status == 400
    assert said in body["message"]


@pytest_asyncio.fixture
async def guest_call(telephone: World, http: ClientSession) -> tuple[str, str]:
    """A call to somebody else's application: the CallSids of our leg and of theirs."""
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/theirs", "/ws/theirs")
    guest = {"SandboxAccountSid": GUEST_SID, "SandboxAuthToken": GUEST_TOKEN}
    _, call = await place(telephone, http, SandboxVoiceUrl=telephone.application.at("/theirs"), **guest)
    await telephone.stream("/ws/theirs")
    (request,) = telephone.application.asked("/theirs")
    return call["sid"], request.form["CallSid"]


async def test_an_application_is_asked_as_its_own_account(telephone: World, guest_call: tuple[str, str]) -> None:
    (request,) = telephone.application.asked("/theirs")
    assert request.form["AccountSid"] == GUEST_SID
    assert RequestValidator(GUEST_TOKEN).validate(request.url, request.form, request.headers["X-Twilio-Signature"])
    assert telephone.application.asked("/voice") == []
    stream = await telephone.stream("/ws/theirs")
    assert stream.of("start")[0]["start"]["accountSid"] == GUEST_SID
    url = telephone.application.stream_url("/ws/theirs")
    assert RequestValidator(GUEST_TOKEN).validate(url, {}, stream.headers["X-Twilio-Signature"])


async def test_an_application_hangs_up_its_call_with_its_own_credentials(
    telephone: World, http: ClientSession, guest_call: tuple[str, str]
) -> None:
    ours, theirs = guest_call
    guest = (GUEST_SID, GUEST_TOKEN)
    status, body = await ask(telephone, http, f"Calls/{theirs}.json", guest, Status="completed")
    assert (status, body["status"]) == (200, "completed")
    assert await telephone.ended(ours) == "completed"


async def test_an_application_redirects_its_call(
    telephone: World, http: ClientSession, guest_call: tuple[str, str]
) -> None:
    _, theirs = guest_call
    form = {"Twiml": twiml.hang_up()}
    status, _ = await ask(telephone, http, f"Calls/{theirs}.json", (GUEST_SID, GUEST_TOKEN), **form)
    assert status == 200
    assert await telephone.ended(theirs) == "completed"


async def test_a_guest_sees_its_own_calls_only(
    telephone: World, http: ClientSession, guest_call: tuple[str, str]
) -> None:
    ours, theirs = guest_call
    guest = (GUEST_SID, GUEST_TOKEN)
    assert (await ask(telephone, http, f"Calls/{ours}.json", guest))[0] == 404
    _, listed = await ask(telephone, http, "Calls.json", guest)
    assert [call["sid"] for call in listed["calls"]] == [theirs]
    assert (await ask(telephone, http, "IncomingPhoneNumbers.json", guest))[0] == 403
    assert (await ask(telephone, http, "Calls.json", guest, To=AGENT, From=KLIX, Twiml="<Response/>"))[0] == 403
    assert (await ask(telephone, http, "Calls.json", (GUEST_SID, "wrong")))[0] == 401
    assert (await ask(telephone, http, f"Calls/{theirs}.json"))[0] == 200  # we may see all


async def test_a_document_may_answer_instead_of_an_application(telephone: World, http: ClientSession) -> None:
    telephone.application.streams_at("/caller", "/ws/caller")
    document = twiml.connect_stream(telephone.application.stream_url("/ws/bot"), {"tenant": "7"})
    _, call = await place(telephone, http, SandboxVoiceTwiml=document)
    stream = await telephone.stream("/ws/bot")
    assert stream.of("start")[0]["start"]["customParameters"] == {"tenant": "7"}
    await stream.socket.close()
    assert await telephone.ended(call["sid"]) == "completed"
