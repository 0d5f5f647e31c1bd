"""Voice bots that others wrote, as the far end of the sandbox: each a process of its own, with a clock of its own."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import aiohttp
import numpy as np
from aiohttp import encode_basic_auth

from calls.audio import mulaw
from calls.sandbox.record import CallRecord
from calls.telephony import twiml
from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, Stream, World

GUEST_SID, GUEST_TOKEN = "AC" + "9" * 32, "the-bots-own-token"
PATIENCE_S: Final = 40
SECOND: Final = mulaw.encode((20_000 * np.sin(np.arange(8000))).astype(np.int16))


async def within(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Lets real time pass."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  (the condition is of another process: nobody sets an event)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(command: list[str], port: int) -> AsyncIterator[str]:
    """The bot's address, once it answers there."""
    bot = await asyncio.to_thread(lambda: subprocess.Popen(command, stderr=subprocess.PIPE))
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/"):
                        break
                except aiohttp.ClientConnectionError:
                    assert bot.poll() is None, "The bot did not start."
                    await asyncio.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        bot.kill()
        await asyncio.to_thread(bot.communicate)


async def called(telephone: World, bot: str) -> tuple[CallRecord, Stream]:
    """A call to the bot's voice URL with an account of its own, and the caller's media stream."""
    telephone.application.streams_at("/caller", "/ws/caller", twiml.Hangup())
    form = {
        "To": AGENT, "From": KLIX, "Url": telephone.application.at("/caller"), "SandboxVoiceUrl": f"{bot}/voice",
        "SandboxAccountSid": GUEST_SID, "SandboxAuthToken": GUEST_TOKEN,
    }  # fmt: skip
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}/Calls.json"
    headers = {"Authorization": encode_basic_auth(SID, TOKEN)}
    async with aiohttp.ClientSession() as session, session.post(url, data=form, headers=headers) as response:
        sid = json.loads(await response.text())["sid"]
    record = telephone.exchange.call(sid)
    assert record is not None
    return record, await telephone.stream("/ws/caller")


def loud_ms(stream: Stream) -> int:
    """How much of what the caller heard so far was sound."""
    return int((np.abs(mulaw.decode(stream.audio).astype(int)) > 1000).sum()) // 8


async def hung_up_by_the_bot(telephone: World, record: CallRecord, caller: Stream) -> None:
    """The call completed without a fault, and by the bot's own account."""
    assert record.status.value == "completed"
    assert [problem.code for problem in record.problems] == []
    (far,) = [call for call in telephone.exchange.calls() if call.account is not None]
    assert far.account_sid == GUEST_SID
    await within(lambda: caller.closed.is_set() or caller.of("stop"))
