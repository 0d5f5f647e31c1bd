"""The speech models of this process are loaded before the first call, not during it.

A model takes seconds to load: without this the first caller hears silence for as long. It runs in a thread of its own
beside the server's start; /readyz tells when those that every call needs are there, and what failed.
"""

import gc
import logging
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from django.conf import settings

from agents.errors import ProviderError
from agents.providers.registry import ACTIVITY, BRAINS, EARS, VOICES

log = logging.getLogger(__name__)
ROUNDS: Final = (10_000, 3, 3)  # new objects before a round, rounds before a longer one, and before one of all


class WarmUp:
    """Loads in the background, once. `state` is "ok" when all is loaded, else what is still to come or went wrong."""

    def __init__(self) -> None:
        self.state = "The speech models have not begun to load."
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self.state = "The speech models are being loaded."
            # The providers' modules are imported here, not in the thread: two threads that import one package with
            # circular imports at once can see half of it.
            self._thread = threading.Thread(target=self._run, args=(loads(),), name="warm-up", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, loads: "list[Load]") -> None:
        # What every call needs comes first, and is all that readiness waits for.
        failed = [load.name for load in loads if load.is_needed() and not load.succeeds()]
        self.state = f"Cannot be loaded: {', '.join(failed)}; the log says why." if failed else "ok"
        for load in loads:
            if not load.is_needed():
                load.succeeds()
        keep_for_good()


def keep_for_good() -> None:
    """What is there by now stays as long as the process: the garbage collector need not look through it again. Each of
    its full rounds would stop calls and pages for some hundred milliseconds.

    A page's rows refer to each other and wait for the collector. A round for each page or two finds them all at once
    and takes two or three milliseconds; Python's own ten rounds a page find them alive and keep them for a long one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*ROUNDS)


class Load(NamedTuple):
    role: str
    name: str
    warm_up: Callable[[], None]

    def is_needed(self) -> bool:
        chosen = {settings.DEFAULT_EARS, settings.DEFAULT_VOICE.partition(":")[0]}
        return self.role == ACTIVITY.role or self.name in chosen

    def succeeds(self) -> bool:
        """Load it; what fails is said in the log."""
        try:
            self.warm_up()
        except ProviderError as error:
            log.error("%s %s cannot be loaded: %s", self.role, self.name, error.message)
            return False
        return True


def loads() -> list[Load]:
    """What there is to load in all providers."""
    return [
        Load(registry.role, entry.name, entry.warm_up)
        for registry in (ACTIVITY, EARS, VOICES, BRAINS)
        for entry in registry.all()
        if entry.warm_up is not None
    ]


warm_up = WarmUp()
