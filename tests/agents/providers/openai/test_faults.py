"""Every fault × every capability ends in the stated error, in time, and is asked again only where that may help."""

import socket
import time

import pytest

from agents.errors import (
    CutShort,
    Malformed,
    Misconfigured,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    Refused,
    TimedOut,
    Unreachable,
)
from agents.ports import Usage
from tests.agents.providers.openai.asking import CAPABILITIES
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_server import OpenAIDouble

SHORT_S = 0.15  # for a server that stalls
LONG_S = 5.0  # for one that answers, on a busy machine
SLACK_S = 30.0  # of a busy machine; without its time limit a stalled request would wait for minutes

ALWAYS: list[tuple[Kind, type[ProviderError], int]] = [
    (Kind.RATE_LIMITED, Overloaded, 2),
    (Kind.RATE_LIMITED_BRIEFLY, Overloaded, 2),
    (Kind.RATE_LIMITED_FOR_LONG, Overloaded, 1),
    (Kind.NO_QUOTA, QuotaExhausted, 1),
    (Kind.SERVER_ERROR, Overloaded, 2),
    (Kind.STALL_BEFORE, TimedOut, 2),
    (Kind.BAD_JSON, Malformed, 1),
    (Kind.WRONG_SCHEMA, Malformed, 1),
]
STREAMED: list[tuple[Kind, type[ProviderError], int]] = [
    (Kind.STALL_INSIDE, TimedOut, 1),
    (Kind.CUT, CutShort, 1),
    (Kind.ENDED_EARLY, CutShort, 1),
    (Kind.ERROR_INSIDE, CutShort, 1),
]
WRITTEN: list[tuple[Kind, type[ProviderError], int]] = [(Kind.REFUSAL, Refused, 1), (Kind.TOO_LONG, CutShort, 1)]
# `/audio/speech` has neither events nor a length: a proper end is all there is to know.
NOT_FOR_SPEECH = (Kind.ERROR_INSIDE, Kind.ENDED_EARLY)


def cases() -> list[tuple[str, Kind, type[ProviderError], int]]:
    found = []
    for name, (_, path, streams) in CAPABILITIES.items():
        faults = list(ALWAYS)
        if streams:
            faults += [fault for fault in STREAMED if name != "voice" or fault[0] not in NOT_FOR_SPEECH]
        if name.startswith("brain") or path == "/chat/completions":
            faults += WRITTEN if name != "brain assistants" else WRITTEN[1:]
        found += [(name, *fault) for fault in faults]
    return found


@pytest.mark.parametrize(("name", "kind", "error", "requests"), cases())
async def test_a_fault_ends_in_its_error_in_time(
    openai: OpenAIDouble,
    usages: list[Usage],
    name: str,
    kind: Kind,
    error: type[ProviderError],
    requests: int,
) -> None:
    ask, path, _ = CAPABILITIES[name]
    openai.script.fail(path, kind, after=2)
    timeout_s = SHORT_S if kind in (Kind.STALL_BEFORE, Kind.STALL_INSIDE) else LONG_S
    started = time.monotonic()
    with pytest.raises(error) as raised:
        await ask({**openai.options, "timeout_s": timeout_s}, usages.append)
    assert type(raised.value) is error
    assert time.monotonic() - started < requests * timeout_s + SLACK_S
    assert len(openai.script.requests(path)) == requests
    assert len(usages) == requests
    assert {usage.error for usage in usages} <= {error.__name__, "Stopped"}


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_a_refused_connection_is_unreachable(name: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    with pytest.raises(Unreachable, match="base URL"):
        await CAPABILITIES[name][0]({"base_url": url, "timeout_s": 2})


@pytest.mark.parametrize("name", CAPABILITIES)
@pytest.mark.parametrize("kind", [Kind.RATE_LIMITED_BRIEFLY, Kind.SERVER_ERROR, Kind.STALL_BEFORE])
async def test_a_turn_survives_one_failure_that_passes(openai: OpenAIDouble, name: str, kind: Kind) -> None:
    ask, path, _ = CAPABILITIES[name]
    openai.script.fail(path, kind, times=1)
    assert await ask({**openai.options, "timeout_s": 0.3 if kind is Kind.STALL_BEFORE else LONG_S})
    assert len(openai.script.requests(path)) == 2


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_a_wrong_key_says_so(openai: OpenAIDouble, name: str) -> None:
    with pytest.raises(Misconfigured, match="API key"):
        await CAPABILITIES[name][0]({**openai.options, "api_key": "sk-wrong"})


@pytest.mark.parametrize("name", [name for name in CAPABILITIES if name != "translation of speech"])
async def test_a_model_that_is_gone_says_so(openai: OpenAIDouble, name: str) -> None:
    with pytest.raises(Misconfigured, match="model"):
        await CAPABILITIES[name][0]({**openai.options, "model": "gone-1"})


@pytest.mark.parametrize("name", CAPABILITIES)
async def test_usage_is_reported_once_a_request(openai: OpenAIDouble, usages: list[Usage], name: str) -> None:
    ask, _, streams = CAPABILITIES[name]
    assert await ask(openai.options, usages.append)
    (usage,) = usages
    assert usage.error == ""
    assert usage.total_ms > 0
    assert (usage.first_ms is not None) == streams
    assert usage.input_tokens or usage.audio_ms or usage.characters
