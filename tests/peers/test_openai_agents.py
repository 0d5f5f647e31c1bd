"""A bot of OpenAI's Agents SDK as the far end of the sandbox, our double behind it: conversation, barge-in, hang-up."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.calls.sandbox.application import World, free_port
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble
from tests.peers.bots import GUEST_SID, GUEST_TOKEN, SECOND, called, hung_up_by_the_bot, loud_ms, running, within
from tests.peers.installed import node_modules

BOT: Final = Path(__file__).with_name("openai_agents_bot.js")
WORD_MS: Final = 200  # of the double's speech
PACKAGES: Final = ("@openai/agents@0.20.0", "@openai/agents-extensions@0.18.0", "ws@8")


@pytest.fixture
def openai() -> Iterator[OpenAIDouble]:
    with OpenAIDouble() as double:
        double.script.replies += [
            Reply("Hello, this is the pizza line, what can I bring you today?"),
            Reply("One pizza is on its way."),
            Reply(calls=(("hang_up", "{}"),)),
        ]
        yield double


@pytest_asyncio.fixture
async def bot(telephone: World, openai: OpenAIDouble) -> AsyncIterator[str]:
    modules, port = node_modules(*PACKAGES), free_port()
    realtime = openai.url.replace("http", "ws", 1) + "/realtime?model=gpt-realtime-2.1"
    base_url = str(telephone.client.api.base_url)
    command = ["node", str(BOT), str(port), str(modules), realtime, base_url, GUEST_SID, GUEST_TOKEN]
    async with running(command, port) as address:
        yield address


def asked(openai: OpenAIDouble, kind: str) -> int:
    return sum(event["type"] == kind for event in openai.script.received)


async def test_a_conversation_with_a_bot_of_openais_agents_sdk_that_hangs_up(
    telephone: World, openai: OpenAIDouble, bot: str
) -> None:
    record, caller = await called(telephone, bot)
    await within(lambda: loud_ms(caller) > 500)
    await caller.play(SECOND)  # into its greeting of twelve words: it stops, and answers with six
    await within(lambda: asked(openai, "conversation.item.truncate"))
    (cut,) = [event for event in openai.script.received if event["type"] == "conversation.item.truncate"]
    assert 300 <= cut["audio_end_ms"] <= 12 * WORD_MS - 400
    heard_ms = loud_ms(caller)
    await within(lambda: loud_ms(caller) >= heard_ms + 5 * WORD_MS)
    began = len(caller.audio)
    await within(lambda: len(caller.audio) > began + 8 * 1000)
    assert loud_ms(caller) <= heard_ms + 7 * WORD_MS  # nothing of the greeting came after the cut
    await caller.play(SECOND)
    await within(lambda: record.is_over)
    assert not openai.script.replies
    await hung_up_by_the_bot(telephone, record, caller)
