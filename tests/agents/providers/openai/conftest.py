from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from agents.ports import Usage
from agents.providers.openai_client import close_clients, warm_up
from tests.doubles.openai_server import OpenAIDouble


@pytest.fixture
def openai() -> Iterator[OpenAIDouble]:
    warm_up()
    with OpenAIDouble() as double:
        yield double


@pytest_asyncio.fixture(autouse=True)
async def _closed_clients() -> AsyncIterator[None]:
    yield
    await close_clients()


@pytest.fixture
def usages() -> list[Usage]:
    return []
