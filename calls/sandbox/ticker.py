"""The exchange's one pulse: 20 ms frames for every leg, on absolute moments, so that lateness never adds up."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from calls.sandbox.clock import Clock

TICK_S: Final = 0.02
# After a longer stop (a suspended machine) the lost time is skipped instead of being played at once.
MAX_CATCH_UP_S: Final = 5.0
_KEPT: Final = 15_000  # five minutes of ticks


class Ticker:
    def __init__(self, clock: Clock, tick: Callable[[], Awaitable[bool]]) -> None:
        self._clock = clock
        self._tick = tick
        self._lateness_ms: deque[float] = deque(maxlen=_KEPT)
        self.ticks = 0
        self.skipped = 0

    async def run(self) -> None:
        """Until a tick returns False. Late ticks follow at once until the moments are caught up with."""
        moment = self._clock.now()
        goes_on = True
        while goes_on:
            moment += TICK_S
            await self._clock.sleep_until(moment)
            late_s = self._clock.now() - moment
            self._lateness_ms.append(late_s * 1000)
            if late_s > MAX_CATCH_UP_S:
                lost = int(late_s / TICK_S)
                self.skipped += lost
                moment += lost * TICK_S
            self.ticks += 1
            goes_on = await self._tick()

    def forget(self) -> None:
        """What was so far is no part of the statistics."""
        self._lateness_ms.clear()
        self.ticks = self.skipped = 0

    def stats(self) -> dict[str, float | int]:
        """Lateness of the last five minutes' ticks, milliseconds."""
        ordered = sorted(self._lateness_ms)
        return {
            "ticks": self.ticks,
            "skipped_ticks": self.skipped,
            "late_p50_ms": _quantile(ordered, 0.5),
            "late_p95_ms": _quantile(ordered, 0.95),
            "late_p99_ms": _quantile(ordered, 0.99),
            "late_max_ms": _quantile(ordered, 1.0),
        }


def _quantile(ordered: list[float], share: float) -> float:
    if not ordered:
        return 0.0
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)
