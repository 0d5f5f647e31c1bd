"""Times one request to a provider and reports its `Usage` when it ends, well or not."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from agents.errors import ProviderError
from agents.ports import OnUsage, Usage


class Meter:
    """`with Meter(...) as meter:` around one request; `meter.began()` at its first token or audio."""

    def __init__(
        self,
        on_usage: OnUsage | None,
        *,
        capability: str,
        provider: str,
        model: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._on_usage = on_usage
        self._clock = clock
        self.usage = Usage(capability, provider, model)

    def __enter__(self) -> Self:
        self._start = self._clock()
        return self

    def began(self) -> None:
        if self.usage.first_ms is None:
            self.usage = replace(self.usage, first_ms=self._elapsed_ms())

    def used(self, **figures: Any) -> None:
        """Figures by the names of `Usage`."""
        self.usage = replace(self.usage, **figures)

    def tokens(self, usage: object) -> None:
        """Takes the counts of the client's usage objects, whichever interface they are of."""
        details = _part(usage, "input_tokens_details", "prompt_tokens_details", "input_token_details")
        self.used(
            input_tokens=_count(usage, "input_tokens", "prompt_tokens"),
            output_tokens=_count(usage, "output_tokens", "completion_tokens"),
            cached_tokens=_count(details, "cached_tokens"),
        )
        seconds = _part(usage, "seconds")
        if isinstance(seconds, int | float):
            self.used(audio_ms=1000.0 * seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A time limit, a barge-in or the end of the call: cancelled from outside, or closed while it streamed.
        stopped = isinstance(error, asyncio.CancelledError | GeneratorExit)
        name = type(error).__name__ if isinstance(error, ProviderError) else "Stopped" if stopped else ""
        self.usage = replace(self.usage, total_ms=self._elapsed_ms(), error=name)
        if self._on_usage is not None:
            self._on_usage(self.usage)

    def _elapsed_ms(self) -> float:
        return 1000 * (self._clock() - self._start)


def _part(usage: object, *names: str) -> object:
    for name in names:
        value = usage.get(name) if isinstance(usage, dict) else getattr(usage, name, None)
        if value is not None:
            return value
    return None


def _count(usage: object, *names: str) -> int:
    value = _part(usage, *names)
    return value if isinstance(value, int) else 0
