"""A pipecat bot as the far end of the sandbox: conversation, barge-in, and a hang-up from its side."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np
import pytest_asyncio
from aiohttp import encode_basic_auth

from calls.audio import mulaw
from calls.sandbox.clock import SystemClock
from calls.telephony import twiml
from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, Stream, World, free_port, world
from tests.peers.installed import python_with

BOT: Final = Path(__file__).with_name("pipecat_bot.py")
GUEST_SID, GUEST_TOKEN = "AC" + "9" * 32, "the-bots-own-token"
PATIENCE_S: Final = 40


async def within(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Lets real time pass: the bot is another process with a clock of its own."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (the condition is of another process: nobody sets an event)
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture
async def telephone() -> AsyncIterator[World]:
    async with world(clock=SystemClock()) as it:
        yield it


@pytest_asyncio.fixture
async def bot(telephone: World) -> AsyncIterator[str]:
    """The bot's address."""
    python, port = python_with("pipecat-ai[websocket]", "uvicorn", "python-multipart"), free_port()
    arguments = [str(port), str(telephone.client.api.base_url), GUEST_SID, GUEST_TOKEN]
    log = await asyncio.to_thread(lambda: subprocess.Popen([str(python), str(BOT), *arguments], stderr=subprocess.PIPE))
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/"):
                        break
                except aiohttp.ClientConnectionError:
                    assert log.poll() is None, "The bot did not start."
                    await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        log.kill()
        await asyncio.to_thread(log.communicate)


async def called(telephone: World, bot: str) -> tuple[str, Stream]:
    telephone.application.streams_at("/caller", "/ws/caller", twiml.Hangup())
    form = {
        "To": AGENT, "From": KLIX, "Url": telephone.application.at("/caller"), "SandboxVoiceUrl": f"{bot}/voice",
        "SandboxAccountSid": GUEST_SID, "SandboxAuthToken": GUEST_TOKEN,
    }  # fmt: skip
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}/Calls.json"
    headers = {"Authorization": encode_basic_auth(SID, TOKEN)}
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as response:
        sid = json.loads(await response.text())["sid"]
    return sid, await telephone.stream("/ws/caller")


def loud_ms(stream: Stream) -> int:
    """How much of what the caller heard so far was sound."""
    return int((np.abs(mulaw.decode(stream.audio).astype(int)) > 1000).sum()) // 8


async def test_a_conversation_with_a_pipecat_bot_that_hangs_up(telephone: World, bot: str) -> None:
    sid, caller = await called(telephone, bot)
    speech = mulaw.encode((6000 * np.sin(np.arange(8000))).astype(np.int16))
    await within(lambda: loud_ms(caller) > 300)
    began = len(caller.audio)
    await caller.play(speech)  # one second, into its greeting of two: it stops
    await within(lambda: len(caller.audio) > began + 8 * 3500)
    # What it had said of its greeting, and its first answer of half a second; not the whole of both.
    assert 600 <= loud_ms(caller) < 2000
    await caller.play(speech)
    record = telephone.exchange.call(sid)
    assert record is not None
    await within(lambda: record.is_over)
    assert record.status.value == "completed"
    assert [problem.code for problem in record.problems] == []
    (far,) = [call for call in telephone.exchange.calls() if call.account is not None]
    assert far.account_sid == GUEST_SID
    assert caller.closed.is_set() or caller.of("stop")
