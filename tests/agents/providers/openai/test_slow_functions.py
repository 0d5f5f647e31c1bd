"""A caller who speaks while a function works: the function goes on, and what it finds is not lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from agents.ports import Action, Brain, Heard
from agents.providers import openai_brain
from agents.providers.openai_brain import STILL_WORKING
from tests.agents.providers.openai.asking import actions_of, brain, notes, said
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

TEXT_BRAINS = ["chat", "responses", "assistants"]


@dataclass
class Slow:
    """A webhook that answers when it is let go."""

    url: str = ""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    times: int = 0


@pytest_asyncio.fixture
async def slow() -> AsyncIterator[Slow]:
    hook = Slow()

    async def handle(request: web.Request) -> web.Response:
        hook.times += 1
        hook.asked.set()
        await hook.let_go.wait()
        return web.json_response({"booked": "table 7"})

    app = web.Application()
    app.router.add_post("/book", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/book"
    yield hook
    await runner.cleanup()


def booking_brain(openai: OpenAIDouble, name: str, slow: Slow) -> Brain:
    openai.script.replies += [
        Reply("Let me see.", calls=(("book", '{"for": 2}'),)),
        Reply("One moment."),
        Reply("It is table 7."),
    ]
    tools = [{"name": "book", "url": slow.url}]
    return brain(name, {**openai.options, "tools": tools, "allow_private_webhooks": True})


async def cut_while_it_works(asked: Brain, slow: Slow) -> None:
    """As the session does: what answers is cancelled in the middle, then the brain is told what was heard."""

    async def answer() -> list[Action]:
        return await actions_of(asked, Heard("A table please."))

    answering = asyncio.create_task(answer())
    await asyncio.wait_for(slow.asked.wait(), 30)
    answering.cancel()
    await asyncio.wait([answering])
    asked.was_cut("Let me")


async def next_turn(openai: OpenAIDouble, asked: Brain, text: str) -> tuple[list[Action], str]:
    """What it did, and all that the server was asked with for it: assistants' threads take several requests."""
    before = len(openai.script.asked)
    actions = await actions_of(asked, Heard(text))
    return actions, json.dumps([request.body for request in openai.script.asked[before:]])


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_function_that_ends_after_the_barge_in_is_known_to_the_next_answer(
    openai: OpenAIDouble, slow: Slow, name: str
) -> None:
    asked = booking_brain(openai, name, slow)
    await cut_while_it_works(asked, slow)
    slow.let_go.set()
    actions, told_model = await next_turn(openai, asked, "By the window.")
    assert said(actions) == "One moment."
    ((kind, told),) = notes(actions)
    assert (kind, told["ok"], told["output"]) == ("tool_answered", True, '{"booked": "table 7"}')
    assert "table 7" in told_model
    assert STILL_WORKING not in told_model
    assert slow.times == 1
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_function_that_still_works_holds_no_answer_up_and_its_result_comes_with_the_one_after(
    openai: OpenAIDouble, slow: Slow, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(openai_brain, "STILL_WORKING_S", 0.01)
    asked = booking_brain(openai, name, slow)
    await cut_while_it_works(asked, slow)
    actions, told_model = await next_turn(openai, asked, "By the window.")
    assert (said(actions), notes(actions)) == ("One moment.", [])
    assert STILL_WORKING in told_model
    slow.let_go.set()
    monkeypatch.setattr(openai_brain, "STILL_WORKING_S", 30.0)
    actions, told_model = await next_turn(openai, asked, "Well?")
    assert said(actions) == "It is table 7."
    assert [kind for kind, _ in notes(actions)] == ["tool_answered"]
    assert "table 7" in told_model
    assert STILL_WORKING not in told_model
    assert slow.times == 1
    await asked.aclose()


async def test_a_call_that_ends_while_a_function_works_leaves_nothing_behind(openai: OpenAIDouble, slow: Slow) -> None:
    before = asyncio.all_tasks()
    asked = booking_brain(openai, "chat", slow)
    await cut_while_it_works(asked, slow)
    await asyncio.wait_for(asked.aclose(), 30)
    assert {task for task in asyncio.all_tasks() - before if "_work" in repr(task)} == set()
