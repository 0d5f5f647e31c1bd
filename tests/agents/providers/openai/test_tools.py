import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from agents.errors import Misconfigured
from agents.providers.tools import PRIVATE, Toolbox, is_private, read_tools


@pytest_asyncio.fixture
async def webhook() -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        match request.path:
            case "/echo":
                return web.json_response(body)
            case "/moved":
                raise web.HTTPFound("/echo")
            case "/long":
                return web.Response(text="x" * 50_000)
            case "/stall":
                await request.content.wait_eof()
                await asyncio.Event().wait()
        return web.Response(status=500)

    app = web.Application()
    app.router.add_post("/{name}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def call(url: str, *, allow_private: bool = True, timeout_s: float = 5.0) -> tuple[str, bool]:
    toolbox = Toolbox(read_tools([{"name": "find", "url": url, "timeout_s": timeout_s}]), allow_private=allow_private)
    result = await toolbox.call("find", '{"number": 17}')
    await toolbox.aclose()
    return result.output, result.ok


async def test_a_webhook_gets_name_and_arguments_and_its_body_is_the_answer(webhook: str) -> None:
    output, ok = await call(f"{webhook}/echo")
    assert ok
    assert json.loads(output) == {"name": "find", "arguments": {"number": 17}}


async def test_a_webhook_that_fails_stalls_or_moves_away_is_told_to_the_model(webhook: str) -> None:
    assert await call(f"{webhook}/broken") == ("The function failed with status 500.", False)
    assert await call(f"{webhook}/moved") == ("The function failed with status 302.", False)
    assert await call(f"{webhook}/stall", timeout_s=0.1) == ("The function gave no answer within 0.1 s.", False)
    assert await call("http://127.0.0.1:9/x") == ("The function cannot be reached.", False)


async def test_a_long_answer_is_shortened(webhook: str) -> None:
    output, ok = await call(f"{webhook}/long")
    assert ok
    assert len(output) <= 16_384


async def test_private_addresses_are_refused_by_number_and_by_name(webhook: str) -> None:
    port = webhook.rpartition(":")[2]
    assert await call(f"http://127.0.0.1:{port}/echo", allow_private=False) == (PRIVATE, False)
    assert await call(f"http://localhost:{port}/echo", allow_private=False) == (PRIVATE, False)
    assert await call(f"http://[::1]:{port}/echo", allow_private=False) == (PRIVATE, False)


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", True),
        ("8.8.8.8", False),
        ("2606:4700:4700::1111", False),
    ],
)
def test_private_addresses_are_known(host: str, private: bool) -> None:
    assert is_private(host) is private


async def test_a_canned_answer_a_wrong_name_and_wrong_arguments() -> None:
    toolbox = Toolbox(read_tools([{"name": "hours", "answer": "until ten"}]))
    assert (await toolbox.call("hours", "")).output == "until ten"
    assert not (await toolbox.call("weather", "{}")).ok
    assert not (await toolbox.call("hours", "[1]")).ok
    assert not (await toolbox.call("hours", "{broken")).ok


@pytest.mark.parametrize(
    ("tools", "hint"),
    [
        ("find", "list"),
        ([{"answer": 1}], "Function name"),
        ([{"name": "a"}], "either an 'answer' or a 'url'"),
        ([{"name": "a", "answer": 1, "url": "https://x.example"}], "either"),
        ([{"name": "a", "url": "file:///etc/passwd"}], "http"),
        ([{"name": "a", "answer": 1, "parameters": {"type": "string"}}], "schema"),
        ([{"name": "hang_up", "answer": 1}], "built in"),
        ([{"name": "a", "answer": 1}, {"name": "a", "answer": 2}], "Two functions"),
    ],
)
def test_a_wrong_declaration_says_what_is_wrong(tools: object, hint: str) -> None:
    with pytest.raises(Misconfigured, match=hint):
        read_tools(tools)
