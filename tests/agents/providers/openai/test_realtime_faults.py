"""Every fault of a Realtime websocket × every capability on one."""

import asyncio
from typing import Any

import pytest

from agents.errors import (
    CutShort,
    Malformed,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    TimedOut,
    Unreachable,
)
from agents.ports import Answered, ReplyEnded, Usage
from tests.agents.providers.openai.asking import SECOND
from tests.agents.providers.openai.test_realtime import live_ears, realtime, spoken, until, voice
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_server import OpenAIDouble


async def hear(openai: OpenAIDouble, options: dict[str, object], usages: list[Usage]) -> None:
    await live_ears(openai, **options).transcribe(SECOND)


async def say(openai: OpenAIDouble, options: dict[str, object], usages: list[Usage]) -> None:
    made = voice(openai, **options)
    try:
        await spoken(made, "Good morning.")
    finally:
        await made.aclose()


async def talk(openai: OpenAIDouble, options: dict[str, object], usages: list[Usage]) -> None:
    made: dict[str, Any] = {"speaks_first": True, **options}
    brain = realtime(openai, **made)
    try:
        await brain.open()
        brain.tell(Answered())
        await until(brain, ReplyEnded)
    finally:
        await brain.aclose()


CAPABILITIES = {"ears": hear, "voice": say, "brain": talk}
FAULTS: list[tuple[Kind, int, type[ProviderError]]] = [
    (Kind.RATE_LIMITED, 0, Overloaded),
    (Kind.RATE_LIMITED_FOR_LONG, 0, Overloaded),
    (Kind.NO_QUOTA, 0, QuotaExhausted),
    (Kind.SERVER_ERROR, 0, Overloaded),
    (Kind.STALL_BEFORE, 0, TimedOut),
    (Kind.STALL_INSIDE, 0, TimedOut),
    (Kind.CUT, 3, CutShort),
    (Kind.ENDED_EARLY, 3, CutShort),
    (Kind.BAD_JSON, 3, Malformed),
    (Kind.WRONG_SCHEMA, 4, Malformed),
]


@pytest.mark.parametrize("name", CAPABILITIES)
@pytest.mark.parametrize(("kind", "after", "error"), FAULTS)
async def test_a_fault_of_the_websocket_ends_in_its_error_in_time(
    openai: OpenAIDouble, usages: list[Usage], name: str, kind: Kind, after: int, error: type[ProviderError]
) -> None:
    openai.script.fail("/realtime", kind, after=after)
    stalls = kind in (Kind.STALL_BEFORE, Kind.STALL_INSIDE)
    async with asyncio.timeout(8):
        with pytest.raises(error) as raised:
            await CAPABILITIES[name](openai, {"timeout_s": 0.15 if stalls else 5.0, "attempts": 1}, usages)
    assert type(raised.value) is error


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_no_server_at_all_is_unreachable(openai: OpenAIDouble, usages: list[Usage], name: str) -> None:
    with pytest.raises(Unreachable):
        await CAPABILITIES[name](openai, {"base_url": "http://127.0.0.1:9/v1", "timeout_s": 2, "attempts": 1}, usages)


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_a_websocket_that_fails_once_is_asked_again(openai: OpenAIDouble, usages: list[Usage], name: str) -> None:
    openai.script.fail("/realtime", Kind.SERVER_ERROR, times=1)
    await CAPABILITIES[name](openai, {}, usages)
    assert len(openai.script.asked) == 2


async def test_a_turn_that_stalls_inside_is_timed_out(openai: OpenAIDouble) -> None:
    openai.script.fail("/realtime", Kind.STALL_INSIDE, after=4)
    with pytest.raises(TimedOut):
        await live_ears(openai, timeout_s=0.2, attempts=1).transcribe(SECOND)
    made = voice(openai, timeout_s=0.2, attempts=1)
    with pytest.raises(TimedOut):
        await spoken(made, "Good morning.")
    await made.aclose()
