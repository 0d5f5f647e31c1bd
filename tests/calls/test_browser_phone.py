"""A browser's end of a call, on real time and the in-memory channel layer."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from agents.models import Agent, AgentVersion
from calls import browser_phone, operating, orders, pulse, services
from calls.media_consumer import live_sessions
from calls.models import Call, Turn
from calls.states import Ending, Status
from klix_site.asgi import application

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("energy")]
PATIENCE_S = 20


def make_agent(**changes: Any) -> Agent:
    agent = Agent.objects.create(name="Pizza line", **changes)
    AgentVersion.objects.create(
        agent=agent,
        number=1,
        brain="scripted",
        brain_options={"greeting": "Pizza line, hello!", "replies": ["One pizza is on its way."]},
        ears="scripted",
        ears_options={"texts": ["A pizza, please."]},
        voice="scripted:tone",
    )
    return agent


def signed_in(role: str = "", name: str = "") -> dict[str, str]:
    user = User.objects.create_user(name or f"ada-{role}")
    if role:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    client = Client()
    client.force_login(user)
    return {"cookie": f"sessionid={client.cookies['sessionid'].value}"}


@asynccontextmanager
async def dialling(agent_id: Any, role: str = "operator") -> AsyncIterator[tuple[WebsocketCommunicator, bool]]:
    headers = {"origin": "http://127.0.0.1", **await sync_to_async(signed_in)(role)}
    listed = [(name.encode(), value.encode()) for name, value in headers.items()]
    browser = WebsocketCommunicator(application, f"/live/talk/{agent_id}/", headers=listed)
    accepted, _ = await browser.connect(timeout=PATIENCE_S)
    try:
        yield browser, accepted
    finally:
        await browser.disconnect(timeout=PATIENCE_S)


async def until_event(browser: WebsocketCommunicator, name: str) -> tuple[dict[str, Any], list[bytes]]:
    """The event, and the sound that came before it."""
    sound: list[bytes] = []
    while True:
        message = await browser.receive_output(timeout=PATIENCE_S)
        if message["type"] == "websocket.close":
            raise AssertionError(f"closed with {message.get('code')} before {name}")
        if pcm := message.get("bytes"):
            sound.append(pcm)
        elif (event := json.loads(message["text"]))["event"] == name:
            return event, sound


async def sound_of(browser: WebsocketCommunicator, frames: int) -> list[bytes]:
    """So many frames of the agent's voice."""
    sound: list[bytes] = []
    while len(sound) < frames:
        if pcm := (await browser.receive_output(timeout=PATIENCE_S)).get("bytes"):
            sound.append(pcm)
    return sound


def tone(ms: int) -> bytes:
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(8 * ms) / 8000)).astype("<i2").tobytes()


async def test_a_person_hears_the_agent_and_is_heard() -> None:
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id) as (browser, _):
        started, _ = await until_event(browser, "started")
        greeting = np.frombuffer(b"".join(await sound_of(browser, 18 * 3)), "<i2")
        assert np.abs(greeting).max() > 5000
        await browser.send_to(bytes_data=tone(280))
        reply = await sound_of(browser, 20)
        assert np.abs(np.frombuffer(b"".join(reply), "<i2")).max() > 5000
        call = await Call.objects.aget()
        assert started["url"] == call.get_absolute_url()
        assert call.status == Status.IN_PROGRESS
    await call.arefresh_from_db()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.CALLER_HUNG_UP)
    texts = [turn.text async for turn in Turn.objects.order_by("index")]
    assert texts == ["Pizza line, hello!", "A pizza, please.", "One pizza is on its way."]
    assert not live_sessions
    assert not browser_phone.live_phones


async def test_an_operator_ends_the_call_from_another_page() -> None:
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id) as (browser, _):
        await until_event(browser, "started")
        await sound_of(browser, 5)
        call = await Call.objects.aget()
        await sync_to_async(services.hang_up)(call)
        await until_event(browser, "ended")
    await call.arefresh_from_db()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.OPERATOR_HUNG_UP)
    assert call.concluded_at is not None


class NoLayer:
    """The channel layer while redis is away."""

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        raise ConnectionRefusedError


async def test_without_redis_an_operators_hang_up_comes_by_the_database(
    monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    settings.CALL_LEASE_S = 0.3
    monkeypatch.setattr(pulse, "PULSE_S", 0.05)
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id) as (browser, _):
        await until_event(browser, "started")
        await sound_of(browser, 5)
        with monkeypatch.context() as away:
            away.setattr(orders, "get_channel_layer", NoLayer)
            await sync_to_async(services.hang_up)(await Call.objects.aget())
        await until_event(browser, "ended")
    call = await Call.objects.aget()
    assert (call.status, call.ending) == (Status.COMPLETED, Ending.OPERATOR_HUNG_UP)


async def test_a_viewer_may_not_talk() -> None:
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id, role="") as (_, accepted):
        assert not accepted
    assert not await Call.objects.aexists()


async def test_an_external_agent_that_cannot_be_dialled_is_refused_with_the_reason() -> None:
    agent = await sync_to_async(make_agent)(kind=Agent.Kind.EXTERNAL)
    async with dialling(agent.public_id) as (browser, accepted):
        assert accepted
        refused, _ = await until_event(browser, "refused")
        assert "has no phone number" in refused["message"]


async def test_an_archived_agent_is_not_found() -> None:
    agent = await sync_to_async(make_agent)(archived_at=timezone.now())
    async with dialling(agent.public_id) as (browser, accepted):
        assert accepted
        closed = await browser.receive_output(timeout=PATIENCE_S)
        assert closed == {"type": "websocket.close", "code": browser_phone.NOT_FOUND}


async def test_a_call_from_the_browser_is_not_connected_to_a_telephone() -> None:
    agent = await sync_to_async(make_agent)()
    async with dialling(agent.public_id) as (browser, _):
        await until_event(browser, "started")
        await sound_of(browser, 5)
        with pytest.raises(services.CallRefused, match="from the browser"):
            await sync_to_async(operating.take_over)(await Call.objects.aget(), "+14155550123")
