"""Operators on live calls: listening, typing, taking over, talking to external agents. Real time, real consumers."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent
from agents.services import create_agent
from calls import events, operating, orders
from calls.audio import mulaw
from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Turn
from calls.operator_line import live_lines
from calls.refusals import CallRefused
from calls.states import Ending, Status
from klix_site.asgi import application
from klix_site.models import AuditEntry
from tests.calls.exchange import NO_ANSWER, Telephone, db, external_agent
from tests.calls.line import speech
from tests.calls.sandbox.application import Application, serving
from tests.calls.test_browser_phone import PATIENCE_S, dialling, make_agent, signed_in, sound_of, tone, until_event
from tests.people import operator

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("energy")]


@asynccontextmanager
async def at(path: str, role: str = "operator", name: str = "") -> AsyncIterator[tuple[WebsocketCommunicator, bool]]:
    """A browser on this live address, and whether it was let in."""
    headers = {"origin": "http://127.0.0.1"}
    if role != "stranger":
        headers |= await sync_to_async(signed_in)(role, name or f"bob-{role}")
    listed = [(key.encode(), value.encode()) for key, value in headers.items()]
    browser = WebsocketCommunicator(application, path, headers=listed)
    accepted, _ = await browser.connect(timeout=PATIENCE_S)
    try:
        yield browser, accepted
    finally:
        await browser.disconnect(timeout=PATIENCE_S)


def loudness(sound: list[bytes]) -> int:
    return int(np.abs(np.frombuffer(b"".join(sound), "<i2").astype(int)).max(initial=0))


async def until_turn(text: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await Turn.objects.filter(text=text, is_final=True).aexists():  # noqa: ASYNC110  (a row: nobody sets an event)
            await asyncio.sleep(0.05)


@asynccontextmanager
async def live_call() -> AsyncIterator[tuple[WebsocketCommunicator, Call]]:
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id) as (browser, _):
        await until_event(browser, "started")
        await sound_of(browser, 5)
        yield browser, await Call.objects.select_related("agent").aget()


async def test_an_operator_hears_both_sides_of_a_live_call() -> None:
    async with live_call() as (caller, call):
        await until_turn("Pizza line, hello!")
        async with at(f"/live/calls/{call.public_id}/listen/") as (browser, _):
            await until_event(browser, "started")
            await caller.send_to(bytes_data=tone(280))
            heard: list[bytes] = []
            while loudness(heard) < 6000:  # the caller's tone; nobody else speaks now
                heard = await sound_of(browser, 1)
            await until_turn("One pizza is on its way.")
    entry = await AuditEntry.objects.aget(action="call listened to")
    assert (entry.object_id, entry.actor) == (str(call.public_id), "bob-operator")
    assert not live_lines
    assert not live_sessions


@pytest.mark.parametrize("role", ["", "stranger"])
@pytest.mark.parametrize("address", ["listen", "take-over"])
async def test_who_may_not_place_calls_may_not_listen_in(role: str, address: str) -> None:
    async with live_call() as (_, call), at(f"/live/calls/{call.public_id}/{address}/", role) as (_, accepted):
        assert not accepted
    assert not await AuditEntry.objects.filter(action__in=["call listened to", "call taken over"]).aexists()


async def test_a_call_that_is_over_cannot_be_listened_to() -> None:
    async with live_call() as (_, call):
        await until_turn("Pizza line, hello!")
    async with at(f"/live/calls/{call.public_id}/listen/") as (browser, _):
        assert (await browser.receive_output(timeout=PATIENCE_S))["code"] == 4404


async def test_a_typed_line_is_said_by_the_agent_and_marked() -> None:
    async with live_call() as (_, call):
        await until_turn("Pizza line, hello!")
        page = await db(post, f"/calls/{call.public_id}/say/", {"line": "We close at six."})
        assert "It is being said." in page.content.decode()
        await until_turn("We close at six.")
    await call.arefresh_from_db()
    assert operating.TYPED in call.notice
    entry = await AuditEntry.objects.aget(action="line typed into a call")
    assert entry.object_id == str(call.public_id)


def post(path: str, form: dict[str, str], user: User | None = None) -> Any:
    """As htmx does."""
    client = Client()
    client.force_login(user or User.objects.filter(groups__name="operator").first() or operator())
    return client.post(path, form, headers={"HX-Request": "true"})


async def test_a_person_takes_over_in_the_browser_and_takes_the_call_along() -> None:
    async with live_call() as (caller, call):
        await until_turn("Pizza line, hello!")
        async with at(f"/live/calls/{call.public_id}/take-over/") as (browser, _):
            await until_event(browser, "started")
            await sound_of(browser, 1)
            await browser.send_to(bytes_data=tone(300))
            heard: list[bytes] = []
            while loudness(heard) < 6000:
                heard = await sound_of(caller, 1)
            async with at(f"/live/calls/{call.public_id}/take-over/", name="eve") as (second, _):
                event, _ = await until_event(second, "refused")
                assert "Another person" in event["message"]
        await until_event(caller, "ended")
    await call.arefresh_from_db()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.OPERATOR_HUNG_UP)
    assert call.notice.endswith(operating.TOOK_OVER)
    assert await AuditEntry.objects.filter(action="call taken over", object_id=str(call.public_id)).acount() == 2
    assert not live_lines


@pytest.mark.parametrize("line", ["", "  ", "x" * 501])
async def test_a_line_that_is_none_is_refused_and_kept(line: str) -> None:
    async with live_call() as (_, call):
        page = await db(post, f"/calls/{call.public_id}/say/", {"line": line})
    assert "Type a line of 1 to 500 characters." in page.content.decode()


def test_nobody_speaks_on_a_call_that_is_not_going_on() -> None:
    agent = make_agent()
    call = Call.objects.create(agent=agent, direction=Call.Direction.INBOUND, status=Status.RINGING)
    with pytest.raises(CallRefused, match="not going on"):
        operating.dictate(call, "Hello.")
    page = post(f"/calls/{call.public_id}/take-over/", {"number": "0171 555"}).content.decode()
    assert "with + and country code" in page
    assert 'value="0171555"' in page
    page = post(f"/calls/{call.public_id}/take-over/", {"number": "+14155550123"}).content.decode()
    assert "Only a call that is going on" in page


@pytest.mark.parametrize("path", ["say", "take-over"])
def test_a_viewer_may_not_speak_on_calls(path: str) -> None:
    call = Call.objects.create(agent=make_agent(), direction=Call.Direction.INBOUND, status=Status.IN_PROGRESS)
    page = post(f"/calls/{call.public_id}/{path}/", {"line": "Hi.", "number": "+1"}, User.objects.create_user("v"))
    assert page.status_code == 403


# --- External agents --------------------------------------------------------------------------------------------------
@asynccontextmanager
async def their_application() -> AsyncIterator[Application]:
    """A voice application that is not Klix's: one signed webhook, one media stream."""
    application = Application()
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", application.handle)
    async with serving(server) as application.base:
        application.streams_at("/voice", "/ws/agent")
        yield application


def agent_at(address: str) -> Agent:
    agent = create_agent("Theirs", kind=Agent.Kind.EXTERNAL)
    agent.address_kind, agent.address = Agent.Address.VOICE_URL, address
    agent.save()
    return agent


async def test_a_person_talks_to_an_external_agent_which_hangs_up(phone: Telephone) -> None:
    async with their_application() as theirs:
        agent = await db(agent_at, theirs.at("/voice"))
        async with dialling(agent.public_id) as (browser, _):
            started, _ = await until_event(browser, "started")
            await phone.streaming(1)
            await phone.until(CallEvent.objects.filter(name=events.HANDED_OVER).exists)
            stream = theirs.streams["/ws/agent"]
            await stream.play(mulaw.encode(speech(1000)))
            await phone.run(1.5)
            heard: list[bytes] = []
            while loudness(heard) < 5000:
                heard = await sound_of(browser, 1)
            before = len(stream.audio)
            await browser.send_to(bytes_data=tone(300))
            await phone.until(lambda: np.abs(mulaw.decode(stream.audio[before:])).max(initial=0) > 5000)
            await stream.socket.close()
            await until_event(browser, "ended")
        await phone.until(Call.objects.filter(concluded_at__isnull=False).exists)
    call = await Call.objects.aget()
    assert started["url"] == call.get_absolute_url()
    assert (call.status, call.ending, call.persona_id) == (Status.COMPLETED, Ending.AGENT_HUNG_UP, None)
    assert "Called from the browser by ada-operator." in call.notice
    assert await AuditEntry.objects.filter(action="called from the browser", object_id=str(agent.public_id)).aexists()


async def test_a_person_who_leaves_hangs_up_on_an_external_agent(phone: Telephone) -> None:
    async with their_application() as theirs:
        agent = await db(agent_at, theirs.at("/voice"))
        async with dialling(agent.public_id) as (browser, _):
            await until_event(browser, "started")
            await phone.streaming(1)
            await phone.until(CallEvent.objects.filter(name=events.HANDED_OVER).exists)
        await phone.until(Call.objects.filter(concluded_at__isnull=False).exists)
    call = await Call.objects.aget()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.CALLER_HUNG_UP)


async def test_a_person_who_leaves_before_it_is_answered_leaves_no_call_ringing(phone: Telephone) -> None:
    agent = await db(lambda: external_agent(NO_ANSWER).agent)
    async with dialling(agent.public_id) as (browser, _):
        await until_event(browser, "started")
    await phone.until(Call.objects.filter(concluded_at__isnull=False).exists)
    call = await Call.objects.aget()
    assert call.status == Status.CANCELED


# --- The desk ---------------------------------------------------------------------------------------------------------
class Talk:
    def __init__(self) -> None:
        self.done: list[tuple[str, object]] = []

    def dictate(self, text: str) -> None:
        self.done.append(("dictate", text))

    def hand_over(self) -> None:
        self.done.append(("hand over", None))

    def person_says(self, payload: bytes) -> None:
        self.done.append(("person says", payload))

    def end(self, ending: Ending, detail: str = "") -> None:
        self.done.append(("end", ending))


async def test_a_microphone_of_nobody_who_took_over_is_not_heard() -> None:
    talk = Talk()
    desk = orders.Desk(uuid.uuid4(), talk, when_person_leaves=Ending.OPERATOR_HUNG_UP)
    desk._take({"type": "microphone", "from": "a", "mulaw": b"\0"})
    desk._take({"type": "hang_up", "from": "a"})
    assert desk._take({"type": "person", "to": "b"}) == ""
    assert desk._take({"type": "person", "to": "a"}) == "a"
    desk._take({"type": "microphone", "from": "a", "mulaw": b"\0"})
    desk._take({"type": "microphone", "from": "b", "mulaw": b"\1"})
    desk._take({"type": "nonsense"})
    desk._take({"type": "microphone", "from": "b", "mulaw": "text"})
    assert talk.done == [("hand over", None), ("person says", b"\1")]


async def test_sound_that_nobody_fetches_is_dropped_not_kept() -> None:
    desk = orders.Desk(uuid.uuid4(), Talk(), when_person_leaves=Ending.OPERATOR_HUNG_UP)
    desk.audio(b"\0", b"\0")
    assert desk._sound.empty()
    desk._take({"type": "listen", "to": "a"})
    for number in range(100):
        desk.audio(bytes([number]), b"\0")
    assert desk._sound.qsize() == orders.MAX_WAITING
    assert desk._sound.get_nowait()[0] == bytes([100 - orders.MAX_WAITING])
