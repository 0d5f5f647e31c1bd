from collections.abc import AsyncIterator

import pytest_asyncio

from tests.calls.sandbox.application import World, world


@pytest_asyncio.fixture
async def telephone() -> AsyncIterator[World]:
    async with world() as it:
        yield it
