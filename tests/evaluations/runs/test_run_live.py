"""A run's live page: what is told after the snapshot makes the state, and it is no more than what changed."""

import asyncio
import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from calls.live_consumer import NOT_FOUND
from calls.models import Turn
from evaluations import run_live
from evaluations.run_live import LiveRunConsumer, follow, rows_html
from evaluations.run_models import Run, RunCase
from evaluations.run_rows import cases
from tests.factories import add_turns
from tests.run_factories import live_run, settle

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 30


def rows_in(html: str) -> dict[str, str]:
    items = re.findall(r'<li class="row .*?</li>', html, re.DOTALL)
    clockless = [re.sub(r'data-elapsed="[^"]*">[^<]*', "", item) for item in items]
    return {re.findall(r'id="(case-\d+)"', item)[0]: item for item in clockless}


class Beats:
    """Sleeps between looks until the test lets the next one happen."""

    def __init__(self) -> None:
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def sleep(self, _: float) -> None:
        self.asked.set()
        await self.go.wait()
        self.go.clear()

    async def look(self) -> None:
        """Let it look once more, and wait until it has."""
        await asyncio.wait_for(self.asked.wait(), PATIENCE_S)
        self.asked.clear()
        self.go.set()
        await asyncio.wait_for(self.asked.wait(), PATIENCE_S)


async def test_a_snapshot_and_what_is_told_after_it_equal_the_state() -> None:
    run: Run = await sync_to_async(live_run)()
    everything = [case.pk async for case in run.cases.all()]
    shown = rows_in(await sync_to_async(rows_html)(everything, run))
    shown |= rows_in(await sync_to_async(run_live.changed_since)(run.public_id, timezone.now()))
    sent: list[str] = []

    async def publish(html: str) -> None:
        sent.append(html)

    beats = Beats()
    watching = asyncio.create_task(follow(run.public_id, publish, beats.sleep))
    case = await RunCase.objects.select_related("run__agent_version__agent", "scenario", "persona").aget(
        run=run, index=5
    )
    await asyncio.wait_for(beats.asked.wait(), PATIENCE_S)
    await sync_to_async(settle)(case, "fail")
    talking = await RunCase.objects.select_related("call").aget(run=run, index=6)
    await Turn.objects.filter(call=talking.call).adelete()
    assert talking.call
    await sync_to_async(add_turns)(talking.call, 7)
    await beats.look()
    watching.cancel()
    for html in sent:
        shown |= rows_in(html)
    assert shown == rows_in(await sync_to_async(rows_html)(everything, run))
    assert set(rows_in(sent[-1])) == {f"case-{case.pk}", f"case-{talking.pk}"}
    assert "6 of 12 done" in sent[-1]


async def test_nothing_is_told_where_nothing_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_live, "RETELL_EVERY", 1000)
    run: Run = await sync_to_async(live_run)()
    sent: list[str] = []

    async def publish(html: str) -> None:
        sent.append(html)

    beats = Beats()
    watching = asyncio.create_task(follow(run.public_id, publish, beats.sleep))
    await beats.look()
    await beats.look()
    watching.cancel()
    assert sent == []


def page_of(run: Run, user: Any) -> WebsocketCommunicator:
    page = WebsocketCommunicator(LiveRunConsumer.as_asgi(), f"/live/runs/{run.public_id}/?seen=")
    page.scope |= {"user": user, "url_route": {"kwargs": {"public_id": run.public_id}}}
    return page


async def test_a_page_that_comes_is_told_how_the_run_stands_and_strangers_nothing() -> None:
    run: Run = await sync_to_async(live_run)()
    user = await sync_to_async(User.objects.create_user)("ada")
    page = page_of(run, user)
    assert (await page.connect(PATIENCE_S))[0]
    html = await page.receive_from(PATIENCE_S)
    assert 'id="run-progress"' in html
    assert len(rows_in(html)) == 8
    await page.disconnect()
    stranger = page_of(run, AnonymousUser())
    assert not (await stranger.connect(PATIENCE_S))[0]


async def test_a_run_that_is_not_there_closes_the_socket() -> None:
    run: Run = await sync_to_async(live_run)()
    user = await sync_to_async(User.objects.create_user)("ada")
    await Run.objects.filter(pk=run.pk).adelete()
    page = page_of(run, user)
    await page.connect(PATIENCE_S)
    assert await page.receive_output(PATIENCE_S) == {"type": "websocket.close", "code": NOT_FOUND}


def test_the_order_of_rows_is_the_order_of_the_page() -> None:
    run = live_run()
    orders = [int(found) for found in re.findall(r'data-order="(\d+)"', rows_html([c.pk for c in cases(run)], run))]
    assert orders == sorted(orders)
