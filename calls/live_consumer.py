"""Live pages over a websocket: authorize, join the group, accept, send the state as it is, then what happens."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from calls import broadcast, live_parts, live_peaks, watching
from calls.pacing import Pace
from calls.rows import call_row
from calls.selectors import calls_for_rows, live_calls

NOT_ALLOWED = 4403
NOT_FOUND = 4404
TRY_AGAIN_LATER = 1013  # the page's client connects again after a while
# Whoever was switched off hears of nothing that happens so long after it.
ASKED_AGAIN_S = 5.0


class LivePageConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Sends to a page and hears nothing from it. A subclass says which group, and what the state is."""

    group = ""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.pace = Pace(self._send_html)
        self._clock = clock
        self._admitted_at = clock()

    async def connect(self) -> None:
        """The group comes before the snapshot: what happens in between is sent twice rather than not at all."""
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_ALLOWED)
            return
        self.group = self.group_name()
        try:
            await self.channel_layer.group_add(self.group, self.channel_name)
        except (OSError, RedisError):
            await self.accept()
            await self.close(TRY_AGAIN_LATER)
            return
        await self.accept()
        try:
            html = await self.snapshot()
        except ObjectDoesNotExist:
            await self.close(NOT_FOUND)
            return
        if html:
            await self.pace.put(html)
        self.watch()

    def group_name(self) -> str:
        raise NotImplementedError

    async def snapshot(self) -> str:
        """Raises ObjectDoesNotExist."""
        raise NotImplementedError

    def watch(self) -> None:
        """What a page shows beyond what is announced to its group."""

    async def disconnect(self, code: int) -> None:
        watching.leave(self.group, self.pace.put)
        self.pace.close()
        if self.group:
            try:
                await self.channel_layer.group_discard(self.group, self.channel_name)
            except (OSError, RedisError):
                broadcast.missed.add("leaving a group")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say here."""

    async def html(self, message: dict[str, Any]) -> None:
        await self.pace.put(message["html"])

    async def _send_html(self, html: str) -> None:
        if await self._is_admitted():
            await self.send(text_data=html)
        else:
            await self.close(NOT_ALLOWED)

    async def _is_admitted(self) -> bool:
        """Asked again when there is something to send: an open page costs nothing while nothing happens."""
        now = self._clock()
        if now - self._admitted_at >= ASKED_AGAIN_S:
            if not await User.objects.filter(pk=self.scope["user"].pk, is_active=True).aexists():
                return False
            self._admitted_at = now
        return True


class LiveCallConsumer(LivePageConsumer):
    """One call's page. `?seen=` is the version that the page shows."""

    is_live = False

    @property
    def public_id(self) -> UUID:
        found: UUID = self.scope["url_route"]["kwargs"]["public_id"]
        return found

    def group_name(self) -> str:
        return broadcast.group_of(self.public_id)

    async def snapshot(self) -> str:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        state = await sync_to_async(live_parts.snapshot)(self.public_id, query.get("seen", [""])[0])
        self.is_live = state.is_live
        return state.html + "".join(broadcast.transient_html(self.public_id))

    def watch(self) -> None:
        if self.is_live:
            watching.join(self.group, self.pace.put, partial(live_peaks.follow, self.public_id))


class LiveListConsumer(LivePageConsumer):
    """The list of calls: the rows of those that are live, then whatever changes."""

    def group_name(self) -> str:
        return broadcast.LIST_GROUP

    @sync_to_async
    def snapshot(self) -> str:
        live = calls_for_rows().filter(pk__in=live_calls().values("pk")).order_by("pk")
        return "".join(render_to_string("calls/_row.html", {"row": call_row(call), "oob": True}) for call in live)
