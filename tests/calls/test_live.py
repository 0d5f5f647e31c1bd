"""Live pages: what is sent when something happens, and that a page which comes late is shown the same."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User

from calls import broadcast, live_parts
from calls.events import CallEvent, Noted, ProviderFailed
from calls.live_consumer import ASKED_AGAIN_S, NOT_ALLOWED, NOT_FOUND, LiveCallConsumer, LiveListConsumer
from calls.models import Call, Turn
from calls.recorder import Recorder
from calls.states import Side
from calls.transcript import ShownTurn
from tests.factories import add_turns, finished_call, live_call

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 30  # how long a message may take on a busy machine


def page_of(call: Call, user: Any, seen: str = "", **given: Any) -> WebsocketCommunicator:
    page = WebsocketCommunicator(LiveCallConsumer.as_asgi(**given), f"/live/calls/{call.public_id}/?seen={seen}")
    page.scope |= {"user": user, "url_route": {"kwargs": {"public_id": call.public_id}}}
    return page


@pytest.fixture
async def user(transactional_db: None) -> User:
    return await sync_to_async(User.objects.create_user)("ada")


@pytest.fixture
async def call(transactional_db: None) -> AsyncIterator[Call]:
    made: Call = await sync_to_async(live_call)()
    yield made
    broadcast._live.clear()


async def said(call: Call, index: int, text: str, **changes: Any) -> Turn:
    values = {"side": "caller", "text": text, "start_ms": 1000 * index, "end_ms": 1000 * index + 900} | changes
    turn = await Turn.objects.acreate(call=call, index=index, **values)
    return await Turn.objects.select_related("call").aget(pk=turn.pk)


def turns_in(html: str) -> dict[str, str]:
    """The turn elements of a message by id, without what only says how to swap them in."""
    items = re.findall(r"<li .*?</li>", html, re.DOTALL)
    found = {}
    for item in items:
        match = re.search(r'id="(turn-\d+)"', item)
        assert match
        found[match[1]] = re.sub(r' hx-swap-oob="true"| data-into="turns"', "", item)
    return found


async def test_a_snapshot_and_the_events_after_it_equal_the_state(call: Call, user: User) -> None:
    await said(call, 0, "Hello.")
    page = page_of(call, user)
    assert (await page.connect(PATIENCE_S))[0]
    shown = turns_in(await page.receive_from(PATIENCE_S))
    await broadcast.turn_changed(await said(call, 1, "I would like a table.", side="agent"))
    await broadcast.partial_changed(call.public_id, "caller", 2, "For how", 2000)
    await broadcast.turn_changed(await said(call, 2, "For four."))
    first = await Turn.objects.select_related("call").aget(call=call, index=1)
    first.heard = "I would"
    await first.asave()
    await broadcast.turn_changed(first)
    state = turns_in(await sync_to_async(live_parts.turns_html)(call.public_id))
    while shown != state or not await page.receive_nothing():
        shown |= turns_in(await page.receive_from(PATIENCE_S))
    assert list(shown) == list(state)
    await page.disconnect()


async def test_a_page_whose_socket_was_cut_shows_the_state_again_when_it_is_back(call: Call, user: User) -> None:
    """What happened in between came to nobody: the page that connects again, with what it shows, is sent the rest."""
    await said(call, 0, "Hello.")
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    shown = turns_in(await page.receive_from(PATIENCE_S))
    await page.disconnect()
    await broadcast.turn_changed(await said(call, 1, "I would like a table.", side="agent"))
    await Turn.objects.filter(call=call, index=0).aupdate(heard="Hel")
    await broadcast.partial_changed(call.public_id, "caller", 2, "For how", 2000)
    again = page_of(call, user)
    assert (await again.connect(PATIENCE_S))[0]
    state = turns_in(await sync_to_async(live_parts.turns_html)(call.public_id))
    unfinished = turns_in("".join(broadcast.transient_html(call.public_id)))
    assert (len(state), len(unfinished)) == (2, 1)
    while shown != state | unfinished:
        shown |= turns_in(await again.receive_from(PATIENCE_S))
    await broadcast.turn_changed(await said(call, 2, "For four."))
    state = turns_in(await sync_to_async(live_parts.turns_html)(call.public_id))
    while shown != state:
        shown |= turns_in(await again.receive_from(PATIENCE_S))
    await again.disconnect()


async def test_whoever_is_switched_off_hears_of_nothing_more(call: Call, user: User) -> None:
    now = [0.0]
    page = page_of(call, user, clock=lambda: now[0])
    await page.connect(PATIENCE_S)
    await page.receive_from(PATIENCE_S)
    now[0] += ASKED_AGAIN_S
    await broadcast.turn_changed(await said(call, 0, "Hello."))
    assert "Hello." in await page.receive_from(PATIENCE_S)
    await User.objects.filter(pk=user.pk).aupdate(is_active=False)
    now[0] += ASKED_AGAIN_S
    await broadcast.turn_changed(await said(call, 1, "My card number is", side="caller"))
    assert await page.receive_output(PATIENCE_S) == {"type": "websocket.close", "code": NOT_ALLOWED}


async def test_what_comes_twice_changes_nothing(call: Call, user: User) -> None:
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    await page.receive_from(PATIENCE_S)
    turn = await said(call, 0, "Hello.")
    await broadcast.turn_changed(turn)
    await broadcast.turn_changed(turn)
    assert turns_in(await page.receive_from(PATIENCE_S)) == turns_in(await page.receive_from(PATIENCE_S))
    await page.disconnect()


async def test_a_page_that_comes_late_sees_who_speaks_and_what_is_unfinished(call: Call, user: User) -> None:
    await broadcast.speaking_changed(call.public_id, "agent", True)
    await broadcast.partial_changed(call.public_id, "agent", 0, "Thanks for", 0)
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    html = await page.receive_from(PATIENCE_S)
    assert "Thanks for" in html
    assert 'class="speaking agent on"' in html
    await page.disconnect()


async def test_partials_are_gathered_and_the_newest_is_sent(call: Call, user: User) -> None:
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    await page.receive_from(PATIENCE_S)
    for words in range(1, 51):
        await broadcast.partial_changed(call.public_id, "caller", 0, " ".join(["word"] * words), 0)
    flush = broadcast._live[call.public_id].flush
    assert flush
    await flush
    messages = []
    while not await page.receive_nothing():
        messages.append(await page.receive_from(PATIENCE_S))
    assert len(messages) <= 2
    assert messages[-1].count("word ") + messages[-1].count("word<") >= 50
    await page.disconnect()


async def test_a_partial_that_comes_after_its_turn_is_dropped(call: Call, user: User) -> None:
    await broadcast.turn_changed(await said(call, 0, "Hello there."))
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    await page.receive_from(PATIENCE_S)
    await broadcast.partial_changed(call.public_id, "caller", 0, "Hello", 0)
    assert await page.receive_nothing()
    await page.disconnect()


async def test_a_hundred_viewers_cost_one_rendering(call: Call, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    turn = await said(call, 0, "Hello.")
    pages = [page_of(call, user) for _ in range(100)]
    for page in pages:
        await page.connect(PATIENCE_S)
        await page.receive_from(PATIENCE_S)
    rendered: list[ShownTurn] = []
    original = live_parts.turn_html

    def counted(shown: ShownTurn) -> str:
        rendered.append(shown)
        return original(shown)

    monkeypatch.setattr(live_parts, "turn_html", counted)
    await broadcast.turn_changed(turn)
    received = {await page.receive_from(PATIENCE_S) for page in pages}
    assert (len(rendered), len(received)) == (1, 1)
    for page in pages:
        await page.disconnect()


async def test_the_end_of_a_call_makes_its_page_fetch_what_was_found(call: Call, user: User) -> None:
    page = page_of(call, user)
    await page.connect(PATIENCE_S)
    await page.receive_from(PATIENCE_S)
    await Call.objects.filter(pk=call.pk).aupdate(status="completed")
    await broadcast.call_changed(await Call.objects.aget(pk=call.pk))
    html = await page.receive_from(PATIENCE_S)
    assert "data-news" in html
    assert 'id="call-head"' in html
    assert call.public_id not in broadcast._live
    await page.disconnect()


async def test_an_evaluation_is_news_on_the_page_and_in_the_list(user: User) -> None:
    call: Call = await sync_to_async(finished_call)(recorded=False)
    page = page_of(call, user, seen="completed-1done")
    watched = WebsocketCommunicator(LiveListConsumer.as_asgi(), "/live/calls/")
    watched.scope["user"] = user
    await page.connect(PATIENCE_S)
    await watched.connect(PATIENCE_S)
    await sync_to_async(broadcast.evaluation_changed_sync)(call.public_id)
    assert "data-news" in await page.receive_from(PATIENCE_S)
    assert f'id="call-{call.pk}"' in await watched.receive_from(PATIENCE_S)
    await page.disconnect()
    await watched.disconnect()


async def test_a_page_that_shows_a_finished_call_as_it_is_gets_nothing(user: User) -> None:
    call: Call = await sync_to_async(finished_call)(recorded=False)
    page = page_of(call, user, seen="completed-1done")
    await page.connect(PATIENCE_S)
    assert await page.receive_nothing()
    await page.disconnect()
    older = page_of(call, user, seen="in-progress-unscored")
    await older.connect(PATIENCE_S)
    assert "data-news" in await older.receive_from(PATIENCE_S)
    await older.disconnect()


async def test_strangers_are_turned_away(call: Call) -> None:
    page = page_of(call, AnonymousUser())
    accepted, _ = await page.connect(PATIENCE_S)
    assert not accepted


async def test_a_call_that_is_not_there_closes_the_socket(call: Call, user: User) -> None:
    page = page_of(call, user)
    await Call.objects.filter(pk=call.pk).adelete()
    await page.connect(PATIENCE_S)
    assert await page.receive_output(PATIENCE_S) == {"type": "websocket.close", "code": NOT_FOUND}


async def test_the_list_begins_with_the_live_calls(call: Call, user: User) -> None:
    await sync_to_async(add_turns)(call, 2)
    await sync_to_async(finished_call)(recorded=False)
    page = WebsocketCommunicator(LiveListConsumer.as_asgi(), "/live/calls/")
    page.scope["user"] = user
    await page.connect(PATIENCE_S)
    html = await page.receive_from(PATIENCE_S)
    assert re.findall(r'id="(call-\d+)"', html) == [f"call-{call.pk}"]
    await page.disconnect()


class AwayLayer:
    """A channel layer whose redis is away."""

    async def group_send(self, group: str, message: object) -> None:
        raise ConnectionRefusedError


class HangingLayer:
    async def group_send(self, group: str, message: object) -> None:
        await asyncio.Event().wait()


async def test_a_layer_that_is_away_is_counted_and_said_once(
    call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(broadcast, "get_channel_layer", AwayLayer)
    monkeypatch.setattr(broadcast, "missed", broadcast.Missed())
    turn = await said(call, 0, "A secret.")
    for _ in range(5):
        await broadcast.turn_changed(turn)
    await broadcast.call_changed(call)
    assert broadcast.missed.count == 7
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


async def test_a_layer_that_hangs_holds_nobody_up(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "get_channel_layer", HangingLayer)
    monkeypatch.setattr(broadcast, "missed", broadcast.Missed())
    monkeypatch.setattr(broadcast, "SEND_TIMEOUT_S", 0.01)
    await broadcast.send_html("calls", "<p></p>")
    assert broadcast.missed.count == 1


async def test_only_our_own_pages_may_open_a_live_socket(call: Call, settings: Any) -> None:
    from klix_site.asgi import application

    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    headers = [(b"host", b"127.0.0.1"), (b"origin", b"http://evil.example")]
    page = WebsocketCommunicator(application, f"/live/calls/{call.public_id}/", headers=headers)
    accepted, _ = await page.connect(PATIENCE_S)
    assert not accepted


async def stored(call: Call, event: CallEvent) -> None:
    """As the recorder of the agent's leg does it."""
    leg = await sync_to_async(lambda: call.legs.create(side="agent", is_primary=True, is_outbound=True))()
    leg.call = call
    await Recorder(leg, Path("unused"), lambda ids: set(ids))._store(event)
    await sync_to_async(leg.delete)()


async def noted(call_: Call, name_: str, **data: object) -> None:
    await stored(call_, Noted(at_ms=1500, side=Side.AGENT, name=name_, data=data))


async def test_a_function_stands_between_the_turns_and_gets_its_answer(call: Call, user: User) -> None:
    await said(call, 0, "A table for four.")
    await said(call, 3, "It is booked.", side="agent")
    page = page_of(call, user)
    assert (await page.connect(PATIENCE_S))[0]
    await page.receive_from(PATIENCE_S)
    await noted(call, "tool_called", name="book", arguments={"people": 4}, call="a")
    asked = await page.receive_from(PATIENCE_S)
    assert "book(people=4)" in asked
    assert "is asked" in asked
    await noted(call, "tool_answered", name="book", call="a", output='{"table": 7}', ok=True, took_ms=420.0)
    answered = await page.receive_from(PATIENCE_S)
    assert "answered <code>{&quot;table&quot;: 7}</code> in 0.42 s" in answered
    place = re.search(r'id="(function-\d+)" data-order="0.5"', answered)
    assert place
    assert f'id="{place[1]}"' in asked
    state = await sync_to_async(live_parts.turns_html)(call.public_id)
    assert re.findall(r'id="(turn-\d|function-\d+)"', state) == ["turn-0", place[1], "turn-3"]
    await page.disconnect()


async def test_a_provider_that_fails_is_told_while_the_call_goes_on(call: Call, user: User) -> None:
    page = page_of(call, user)
    assert (await page.connect(PATIENCE_S))[0]
    await page.receive_from(PATIENCE_S)
    failed = ProviderFailed(
        at_ms=1,
        side=Side.AGENT,
        capability="translation",
        provider="openai",
        message="No credit.",
        outcome="passed over",
    )
    await stored(call, failed)
    told = await page.receive_from(PATIENCE_S)
    assert "Translation: No credit. (passed over)" in told
    assert 'data-into="notices"' in told
    await page.disconnect()
