"""A pipecat bot as the far end of the sandbox: conversation, barge-in, and a hang-up from its side."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest_asyncio

from calls.audio import mulaw
from tests.calls.sandbox.application import World, free_port
from tests.peers.bots import GUEST_SID, GUEST_TOKEN, called, hung_up_by_the_bot, loud_ms, running, within
from tests.peers.installed import python_with

BOT: Final = Path(__file__).with_name("pipecat_bot.py")


@pytest_asyncio.fixture
async def bot(telephone: World) -> AsyncIterator[str]:
    """The bot's address."""
    python, port = python_with("pipecat-ai[websocket]", "uvicorn", "python-multipart"), free_port()
    base_url = str(telephone.client.api.base_url)
    async with running([str(python), str(BOT), str(port), base_url, GUEST_SID, GUEST_TOKEN], port) as address:
        yield address


async def test_a_conversation_with_a_pipecat_bot_that_hangs_up(telephone: World, bot: str) -> None:
    record, caller = await called(telephone, bot)
    speech = mulaw.encode((6000 * np.sin(np.arange(8000))).astype(np.int16))
    await within(lambda: loud_ms(caller) > 300)
    began = len(caller.audio)
    await caller.play(speech)  # one second, into its greeting of two: it stops
    await within(lambda: len(caller.audio) > began + 8 * 3500)
    # What it had said of its greeting, and its first answer of half a second; not the whole of both.
    assert 600 <= loud_ms(caller) < 2000
    await caller.play(speech)
    await within(lambda: record.is_over)
    await hung_up_by_the_bot(telephone, record, caller)
