"""The speech models of this process are loaded before the first call, not during it.

A model takes seconds to load: without this the first caller hears silence for as long. It runs in a thread of its own
beside the server's start; /readyz tells when it is done, and what failed.
"""

import logging
import threading

from django.conf import settings

from agents.errors import ProviderError
from agents.providers.registry import ACTIVITY, BRAINS, EARS, VOICES

log = logging.getLogger(__name__)


class WarmUp:
    """Loads in the background, once. `state` is "ok" when all is loaded, else what is still to come or went wrong."""

    def __init__(self) -> None:
        self.state = "The speech models have not begun to load."
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self.state = "The speech models are being loaded."
            self._thread = threading.Thread(target=self._run, name="warm-up", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        failed: list[str] = []
        for registry in (ACTIVITY, EARS, VOICES, BRAINS):
            for entry in registry.all():
                if entry.warm_up is None:
                    continue
                try:
                    entry.warm_up()
                except ProviderError as error:
                    log.error("%s %s cannot be loaded: %s", registry.role, entry.name, error.message)
                    failed.append(entry.name)
        needed = {settings.DEFAULT_EARS, settings.DEFAULT_VOICE.partition(":")[0]} & set(failed)
        self.state = f"Cannot be loaded: {', '.join(sorted(needed))}; the log says why." if needed else "ok"


warm_up = WarmUp()
