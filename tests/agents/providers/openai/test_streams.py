"""A stream that is left before its end leaves nothing open for the garbage collector, which runs in any thread."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from types import AsyncGeneratorType

import pytest

from agents.providers.openai_client import TURNS_TO_CLOSE, client_for
from agents.providers.openai_options import Endpoint
from agents.providers.openai_streams import guarded
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def still_open() -> list[str]:
    """The client's generators that wait in their middle."""
    found = [each for each in gc.get_objects() if type(each) is AsyncGeneratorType and each.ag_frame]
    return [each.__qualname__ for each in found if each.ag_code.co_filename.find("openai/_streaming") > 0]


@pytest.mark.parametrize("items", [1, 2])
async def test_a_stream_that_is_left_before_its_end_is_closed_to_its_innermost_generator(
    openai: OpenAIDouble, items: int
) -> None:
    openai.script.replies.append(Reply("One two three four five six."))
    with no_collector():
        client = client_for(Endpoint(openai.url, "sk-double"))
        stream = await client.chat.completions.create(
            model="gpt-6-luna", messages=[{"role": "user", "content": "Count."}], stream=True
        )
        async with stream, aclosing(guarded(stream, "openai")) as chunks:
            for _ in range(items):
                await anext(chunks)
            assert still_open()
        for _ in range(TURNS_TO_CLOSE):  # each in a turn of the loop after the one around it
            await asyncio.sleep(0)
        assert still_open() == []
