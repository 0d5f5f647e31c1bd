from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from django.test import override_settings

from agents.models import AgentVersion
from agents.providers.openai_client import close_clients
from agents.providers.registry import EARS
from agents.providers.scripted import ScriptedActivity
from agents.services import create_agent
from calls import parties
from tests.calls.exchange import Telephone, telephone
from tests.calls.exchange_double import ExchangeDouble, running_double


@pytest_asyncio.fixture
async def phone(transactional_db: None, energy: None) -> AsyncIterator[Telephone]:
    async with telephone() as it:
        yield it
    await close_clients()


@pytest.fixture
def energy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Voice activity by energy: a tone counts as speech, and no network is loaded."""
    EARS.all()  # importing the providers takes longer than a call on a scripted clock
    monkeypatch.setattr(parties, "make_activity", ScriptedActivity)


@pytest.fixture
def exchange() -> Iterator[ExchangeDouble]:
    """A REST server of an exchange: what was asked of it is kept, nothing is called."""
    with running_double() as running, override_settings(TWILIO_API_BASE_URL=running.url, TWILIO_TIMEOUT_S=0.5):
        yield running


@pytest.fixture
def version() -> AgentVersion:
    found = create_agent("Reminder", prompt="Remind.").current_version
    assert found is not None
    return found
