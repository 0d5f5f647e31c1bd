"""Status callbacks of one call: in order, numbered from 0, sent again a few times while the application is down."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from calls.sandbox.applications import Applications, Webhook
from calls.sandbox.clock import Clock
from calls.sandbox.errors import CallFailed, Problem

EVENTS: Final = ("initiated", "ringing", "answered", "completed")
RETRY_AFTER_S: Final = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Subscription:
    url: str = ""
    method: str = "POST"
    events: Iterable[str] = ("completed",)


class Reports:
    def __init__(
        self,
        subscription: Subscription,
        applications: Applications,
        clock: Clock,
        note: Callable[[Problem], None],
        start: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`start` starts a task and holds it."""
        self._subscription = subscription
        self._applications = applications
        self._clock = clock
        self._note = note
        self._start = start
        self._sequence = 0
        self._waiting: asyncio.Queue[Webhook] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    def report(self, event: str, parameters: Mapping[str, str]) -> None:
        """Queues the callback of `event` if it was asked for. `parameters`: the call's, as of now."""
        if not self._subscription.url or event not in self._subscription.events:
            return
        numbered = {**parameters, "SequenceNumber": str(self._sequence), "CallbackSource": "call-progress-events"}
        self._sequence += 1
        self.post(Webhook(self._subscription.url, self._subscription.method, numbered))

    def post(self, webhook: Webhook) -> None:
        """Queues any other callback of the call (a stream's, a detector's) behind those before it."""
        self._waiting.put_nowait(webhook)
        if self._sender is None or self._sender.done():
            self._sender = self._start(self._send_all())

    async def _send_all(self) -> None:
        while not self._waiting.empty():
            await self._send(self._waiting.get_nowait())

    async def _send(self, webhook: Webhook) -> None:
        for delay_s in (*RETRY_AFTER_S, None):
            try:
                await self._applications.notify(webhook)
            except CallFailed as failure:
                self._note(Problem(failure.problem.code, f"Status callback: {failure.problem.message}"))
            else:
                return
            if delay_s is not None:
                await self._clock.sleep_until(self._clock.now() + delay_s)
