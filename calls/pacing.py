"""At most so many messages a second to one page: what comes meanwhile is joined into one."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

PER_SECOND: Final = 10


class Pace:
    """Sends at once as long as fewer than PER_SECOND messages went out within the last second; else what waits goes
    out together as soon as there is room. The order is kept, and each element of the HTML carries its id."""

    def __init__(
        self,
        send: Callable[[str], Awaitable[None]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._send, self._clock, self._sleep = send, clock, sleep
        self._sent: deque[float] = deque(maxlen=PER_SECOND)
        self._waiting: list[str] = []
        self._sending: asyncio.Task[None] | None = None

    async def put(self, html: str) -> None:
        self._waiting.append(html)
        if self._sending is None or self._sending.done():
            if self._wait_s() <= 0:
                await self._flush()
            else:
                self._sending = asyncio.create_task(self._send_later())

    def close(self) -> None:
        if self._sending:
            self._sending.cancel()

    def _wait_s(self) -> float:
        if len(self._sent) < PER_SECOND:
            return 0.0
        return self._sent[0] + 1.0 - self._clock()

    async def _send_later(self) -> None:
        await self._sleep(self._wait_s())
        await self._flush()

    async def _flush(self) -> None:
        html = "".join(self._waiting)
        self._waiting.clear()
        self._sent.append(self._clock())
        await self._send(html)
