from collections.abc import AsyncIterator

import pytest_asyncio

from calls.sandbox.clock import SystemClock
from tests.calls.sandbox.application import World, world


@pytest_asyncio.fixture
async def telephone() -> AsyncIterator[World]:
    """A sandbox on real time."""
    async with world(clock=SystemClock()) as it:
        yield it
