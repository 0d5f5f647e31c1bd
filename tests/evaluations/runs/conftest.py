"""The exchange that a run's calls are placed at."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.klix_site.exchange import Exchange, running_exchange


@pytest.fixture
def exchange(settings: Any) -> Iterator[Exchange]:
    settings.RUN_LINES = 10
    with running_exchange() as running:
        settings.TWILIO_API_BASE_URL = running.url
        yield running
