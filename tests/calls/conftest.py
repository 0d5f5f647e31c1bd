from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from agents.providers.registry import EARS
from agents.providers.scripted import ScriptedActivity
from calls import parties
from tests.calls.exchange import Telephone, telephone


@pytest_asyncio.fixture
async def phone(transactional_db: None, energy: None) -> AsyncIterator[Telephone]:
    async with telephone() as it:
        yield it


@pytest.fixture
def energy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Voice activity by energy: a tone counts as speech, and no network is loaded."""
    EARS.all()  # importing the providers takes longer than a call on a scripted clock
    monkeypatch.setattr(parties, "make_activity", ScriptedActivity)
