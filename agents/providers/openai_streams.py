"""Streams of the OpenAI client, guarded: translated errors, and a break after the first item is CutShort."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import Final, TypeVar

from agents.errors import CutShort, Malformed, Overloaded, ProviderError, Unreachable
from agents.providers.openai_errors import translated

T = TypeVar("T")
# After a text that a function call follows: its last sentence is spoken while the call is still being written.
END_OF_TEXT: Final = "\n"
# The end comes with the last event; who waits for it holds up the last sentence of a reply.
END_WITHIN_S: Final = 0.1


async def guarded(items: AsyncIterator[T], provider: str) -> AsyncGenerator[T, None]:
    """The items of `items`. Once one came, losing the connection or the server is CutShort: it is not asked again."""
    began = False
    try:
        with translated(provider):
            async for item in items:
                began = True
                yield item
    except (Unreachable, Overloaded) as error:
        if not began:
            raise
        raise CutShort(f"{provider} broke its answer off: {error.message}", provider=provider) from error
    finally:
        await _close(items)


async def _close(items: AsyncIterator[T]) -> None:
    """The client's stream and its generator refer to each other, and its own `close` ends the response alone: what is
    left before its end would wait for the garbage collector, which closes generators in any order and any thread."""
    generator = getattr(items, "_iterator", items)
    if isinstance(generator, AsyncGenerator):
        await generator.aclose()


async def read_to_end(items: AsyncIterator[object]) -> None:
    """What follows the last event that matters. A connection is used again only if its answer was read to the end;
    else the next turn has to open one, which over TLS takes three round trips."""
    with suppress(ProviderError, TimeoutError):
        async with asyncio.timeout(END_WITHIN_S):
            async for _ in items:
                pass


def expect_text(value: object, what: str, provider: str) -> str:
    """`value` if it is a string: the client builds its objects without checking them."""
    if not isinstance(value, str):
        raise Malformed(f"{provider} sent an answer without {what}.", provider=provider)
    return value
