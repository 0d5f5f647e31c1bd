"""Time for the exchange: monotonic seconds for durations, aware UTC for records. Tests turn a `ScriptedClock`."""

import asyncio
import heapq
import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_ROUNDS_PER_WAKE = 10


class Clock(Protocol):
    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def utc(self) -> datetime: ...

    async def sleep_until(self, moment: float) -> None:
        """Returns once `now()` has reached `moment`; gives way to other tasks in any case."""
        ...


class SystemClock:
    def now(self) -> float:
        return time.monotonic()

    def utc(self) -> datetime:
        return datetime.now(UTC)

    async def sleep_until(self, moment: float) -> None:
        await asyncio.sleep(max(0.0, moment - time.monotonic()))


class ScriptedClock:
    """Stands still until `advance` is called, then wakes the sleepers in the order of their moments."""

    def __init__(self, utc: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = 0.0
        self._utc = utc
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        return self._now

    def utc(self) -> datetime:
        return self._utc + timedelta(seconds=self._now)

    async def sleep_until(self, moment: float) -> None:
        if moment <= self._now:
            await asyncio.sleep(0)
            return
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (moment, next(self._order), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        end = self._now + seconds
        while self._sleepers and self._sleepers[0][0] <= end + 1e-9:
            moment, _, sleeper = heapq.heappop(self._sleepers)
            self._now = max(self._now, moment)
            if not sleeper.done():
                sleeper.set_result(None)
            await self._settle()
        self._now = max(self._now, end)
        await self._settle()

    async def _settle(self) -> None:
        # A woken task may need a few rounds of the loop before it sleeps again.
        for _ in range(_ROUNDS_PER_WAKE):
            await asyncio.sleep(0)
