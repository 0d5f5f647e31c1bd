"""What every text brain promises, and what each interface is told."""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import pytest

from agents.errors import CutShort, Malformed, Misconfigured
from agents.ports import Action, Answered, Attention, DigitPressed, FarSpeaking, Heard, Say, Silence
from agents.providers.openai_assistants import AssistantsBrain
from agents.providers.openai_responses import ResponsesBrain
from agents.providers.openai_streams import END_OF_TEXT
from agents.providers.registry import BRAINS, BrainSetup
from tests.agents.providers.openai.asking import ANSWERED, actions_of, brain, hang_ups, notes, said
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

TEXT_BRAINS = ("chat", "responses", "assistants")
FIND_ORDER = {
    "name": "find_order",
    "description": "Finds an order.",
    "parameters": {"type": "object", "properties": {"number": {"type": "string"}}},
    "answer": {"status": "shipped"},
}


def history(openai: OpenAIDouble, name: str) -> list[tuple[str, str]]:
    """What the model was given the last time: role and text."""
    if name == "chat":
        messages = openai.script.requests("/chat/completions")[-1].body["messages"]
        return [(message["role"], message["content"]) for message in messages[1:] if message["content"]]
    if name == "responses":
        conversation = openai.script.requests("/responses")[-1].body["conversation"]
        return openai.conversations.texts(conversation)
    return openai.assistants.texts(list(openai.assistants.threads)[-1])


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_reply_comes_in_pieces_and_the_next_knows_it(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [Reply("Hello, who is it?"), Reply("Hi Dana.")]
    asked = brain(name, openai.options)
    first = await actions_of(asked, Heard("Hello?"))
    assert [action.text for action in first if isinstance(action, Say)] == ["Hello, ", "who ", "is ", "it?"]
    assert said(await actions_of(asked, Heard("Dana."))) == "Hi Dana."
    known = [("user", "Hello?"), ("assistant", "Hello, who is it?"), ("user", "Dana.")]
    assert history(openai, name)[:3] == known
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_after_a_cut_the_history_holds_what_was_heard(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [Reply("We have Margherita and Funghi and Quattro."), Reply("Good.")]
    asked = brain(name, openai.options)
    await actions_of(asked, Heard("What is there?"))
    asked.was_cut("We have Margherita")
    await actions_of(asked, Heard("That one."))
    assert history(openai, name)[:3] == [
        ("user", "What is there?"),
        ("assistant", "We have Margherita"),
        ("user", "That one."),
    ]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_reply_that_is_closed_while_it_is_written_leaves_no_trace_but_what_was_heard(
    openai: OpenAIDouble, name: str
) -> None:
    openai.script.replies += [Reply("One two three four five six."), Reply("Good.")]
    openai.script.fail("/", Kind.STALL_INSIDE, times=0)
    asked = brain(name, openai.options)
    reply = asked.respond(Heard("Count."))
    async for _ in reply:
        break
    await reply.aclose()  # type: ignore[attr-defined]  # it is an async generator
    asked.was_cut("One")
    assert said(await actions_of(asked, Heard("Stop."))) == "Good."
    assert history(openai, name)[:3] == [("user", "Count."), ("assistant", "One"), ("user", "Stop.")]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_reply_of_which_nothing_was_heard_is_forgotten(openai: OpenAIDouble, name: str) -> None:
    asked = brain(name, openai.options)
    await actions_of(asked, Heard("Hello?"))
    asked.was_cut("")
    await actions_of(asked, Heard("Are you there?"))
    assert history(openai, name)[:2] == [("user", "Hello?"), ("user", "Are you there?")]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_function_is_called_and_its_answer_is_spoken_about(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [
        Reply("One moment.", calls=(("find_order", '{"number": "17"}'),)),
        Reply("It was shipped."),
        Reply("Bye."),
    ]
    asked = brain(name, {**openai.options, "tools": [FIND_ORDER]})
    actions = await actions_of(asked, Heard("Where is order 17?"))
    assert said(actions) == "One moment.It was shipped."
    (called, answered) = notes(actions)
    assert called[0] == "tool_called"
    assert (called[1]["name"], called[1]["arguments"]) == ("find_order", {"number": "17"})
    assert (answered[0], answered[1]["ok"]) == ("tool_answered", True)
    assert json.loads(str(answered[1]["output"])) == {"status": "shipped"}
    assert said(await actions_of(asked, Heard("Thanks."))) == "Bye."
    await asked.aclose()


@pytest.mark.parametrize(("name", "path", "events"), [("chat", "/chat/completions", 4), ("responses", "/responses", 5)])
async def test_what_is_said_before_a_function_is_over_as_soon_as_the_call_of_it_begins(
    openai: OpenAIDouble, name: str, path: str, events: int
) -> None:
    openai.script.replies.append(Reply("One moment.", calls=(("find_order", '{"number": "17"}'),)))
    openai.script.fail(path, Kind.STALL_INSIDE, after=events)
    asked = brain(name, {**openai.options, "tools": [FIND_ORDER]})
    answer = cast(AsyncGenerator[Action, None], asked.respond(Heard("Where is order 17?")))
    async with aclosing(answer) as actions:
        given = [await anext(actions) for _ in range(3)]
    assert [action.text for action in given if isinstance(action, Say)] == ["One ", "moment.", END_OF_TEXT]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_function_that_was_called_stays_called_when_the_reply_is_cut(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [Reply("", calls=(("find_order", "{}"),)), Reply("It was shipped today."), Reply("Yes.")]
    asked = brain(name, {**openai.options, "tools": [FIND_ORDER]})
    await actions_of(asked, Heard("Where is it?"))
    asked.was_cut("It was")
    assert said(await actions_of(asked, Heard("What?"))) == "Yes."
    everything = json.dumps([asked.body for asked in openai.script.asked[-4:]])
    assert "shipped" in everything
    assert "today" not in everything
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_hanging_up_is_a_function_and_ends_the_call_after_the_goodbye(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies.append(Reply("Goodbye!", calls=(("hang_up", '{"reason": "order placed"}'),)))
    asked = brain(name, openai.options)
    actions = await actions_of(asked, Heard("That is all."))
    assert said(actions) == "Goodbye!"
    assert hang_ups(actions) == ["order placed"]
    assert actions.index(next(action for action in actions if isinstance(action, Say))) == 0
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_model_that_calls_functions_for_ever_is_stopped(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [Reply("", calls=(("find_order", "{}"),)) for _ in range(10)]
    asked = brain(name, {**openai.options, "tools": [FIND_ORDER]})
    with pytest.raises(Malformed, match="without end"):
        await actions_of(asked, Heard("Where is it?"))
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_the_turn_after_a_broken_reply_works_again(openai: OpenAIDouble, name: str) -> None:
    path = {"chat": "/chat/completions", "responses": "/responses", "assistants": "/runs"}[name]
    openai.script.fail(path, Kind.CUT, times=1, after=3)
    asked = brain(name, openai.options)
    with pytest.raises(CutShort):
        await actions_of(asked, Heard("Hello?"))
    assert said(await actions_of(asked, Heard("Still there?"))) == openai.script.default_reply
    assert [text for role, text in history(openai, name) if role == "user"] == ["Hello?", "Still there?"]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_a_greeting_is_said_as_it_is_and_remembered(openai: OpenAIDouble, name: str) -> None:
    asked = brain(name, {**openai.options, "greeting": "Luigi's, good evening."})
    assert await actions_of(asked, ANSWERED) == [Say("Luigi's, good evening.")]
    assert openai.script.asked == []
    await actions_of(asked, Heard("Hello."))
    assert history(openai, name)[:2] == [("assistant", "Luigi's, good evening."), ("user", "Hello.")]
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_without_a_greeting_an_agent_thinks_of_one_and_a_caller_waits(openai: OpenAIDouble, name: str) -> None:
    agent = brain(name, openai.options)
    assert said(await actions_of(agent, Answered())) == openai.script.default_reply
    caller = brain(name, openai.options, side="caller")
    assert await actions_of(caller, Answered()) == []
    for asked in (agent, caller):
        await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
async def test_silence_and_digits_are_told_to_the_model_and_speech_in_progress_is_not(
    openai: OpenAIDouble, name: str
) -> None:
    asked = brain(name, {**openai.options, "silence_ms": 7000})
    assert asked.attention == Attention(silence_ms=7000)
    assert said(await actions_of(asked, Silence(7000)))
    assert said(await actions_of(asked, DigitPressed("5")))
    everything = json.dumps([asked.body for asked in openai.script.asked])
    assert "Nobody has spoken for 7 seconds" in everything
    assert "Pressed 5" in everything
    assert await actions_of(asked, FarSpeaking(3000)) == []
    await asked.aclose()


@pytest.mark.parametrize("name", TEXT_BRAINS)
def test_wrong_tools_are_told_at_the_check(name: str) -> None:
    check = BRAINS.get(name).check
    assert check is not None
    # Not OpenAI's own server, which no longer speaks every one of them.
    options = {"api_key": "k", "base_url": "http://127.0.0.1:9/v1", "tools": [{"name": "find order", "answer": 1}]}
    with pytest.raises(Misconfigured, match="find order"):
        check(BrainSetup("agent", options=options))


# --- Chat -------------------------------------------------------------------------------------------------------------
async def test_chat_sends_the_prompt_and_the_functions(openai: OpenAIDouble) -> None:
    asked = brain("chat", {**openai.options, "tools": [FIND_ORDER], "temperature": 0.2, "reasoning_effort": "low"})
    await actions_of(asked, Heard("Hello?"))
    body = openai.script.requests("/chat/completions")[0].body
    assert body["messages"][0] == {"role": "system", "content": "You sell pizza."}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["find_order", "hang_up"]
    assert (body["temperature"], body["reasoning_effort"], body["model"]) == (0.2, "low", "gpt-6-luna")
    await asked.aclose()


# --- Responses --------------------------------------------------------------------------------------------------------
async def test_responses_sends_only_what_is_new(openai: OpenAIDouble) -> None:
    asked = brain("responses", openai.options)
    await actions_of(asked, Heard("Hello?"))
    await actions_of(asked, Heard("Dana."))
    first, second = openai.script.requests("/responses")
    assert first.body["input"] == [{"role": "user", "content": "Hello?"}]
    assert second.body["input"] == [{"role": "user", "content": "Dana."}]
    assert first.body["conversation"] == second.body["conversation"]
    assert first.body["instructions"] == "You sell pizza."
    await asked.aclose()


async def test_a_conversation_does_not_outlive_the_call(openai: OpenAIDouble) -> None:
    asked = brain("responses", openai.options)
    await actions_of(asked, Heard("Hello?"))
    asked.was_cut("")
    await actions_of(asked, Heard("Hello again?"))
    await asked.aclose()
    assert openai.conversations.items == {}
    assert len(openai.conversations.deleted) == 2


async def test_a_new_conversation_is_made_while_the_far_end_still_speaks(openai: OpenAIDouble) -> None:
    asked = brain("responses", openai.options)
    assert isinstance(asked, ResponsesBrain)
    await actions_of(asked, Heard("Hello?"))
    asked.was_cut("All")
    assert asked._renewal is not None
    await asked._renewal
    before = len(openai.script.asked)
    await actions_of(asked, Heard("What?"))
    assert [request.path for request in openai.script.asked[before:]] == ["/v1/responses"]
    await asked.aclose()


async def test_a_server_without_conversations_gets_the_whole_history_each_time(openai: OpenAIDouble) -> None:
    openai.script.conversations_open = False
    asked = brain("responses", {**openai.options, "history": "local"})
    await actions_of(asked, Heard("Hello?"))
    asked.was_cut("All")
    await actions_of(asked, Heard("Dana."))
    body = openai.script.requests("/responses")[-1].body
    assert [item["content"] for item in body["input"]] == ["Hello?", "All", "Dana."]
    assert body["store"] is False
    assert "conversation" not in body
    await asked.aclose()


# --- Assistants -------------------------------------------------------------------------------------------------------
async def test_a_closed_assistants_interface_says_what_to_choose(openai: OpenAIDouble) -> None:
    openai.script.assistants_open = False
    asked = brain("assistants", openai.options)
    with pytest.raises(Misconfigured, match=r"2026-08-26.*'responses'"):
        await actions_of(asked, Heard("Hello?"))
    await asked.aclose()


async def test_an_assistant_of_ones_own_is_used_and_kept(openai: OpenAIDouble) -> None:
    asked = brain("assistants", {**openai.options, "assistant_id": "asst_mine"})
    await actions_of(asked, Heard("Hello?"))
    assert openai.script.requests("/runs")[0].body["assistant_id"] == "asst_mine"
    await asked.aclose()
    assert openai.assistants.made == []
    assert openai.assistants.threads == {}


async def test_an_assistant_made_for_the_call_is_deleted_after_it(openai: OpenAIDouble) -> None:
    asked = brain("assistants", openai.options)
    assert isinstance(asked, AssistantsBrain)
    await actions_of(asked, Heard("Hello?"))
    await asked.aclose()
    assert set(openai.assistants.made) <= set(openai.assistants.deleted)


@pytest.mark.parametrize(("name", "path"), [("responses", "/conv_1"), ("assistants", "/thread_2")])
async def test_closing_a_call_works_when_the_provider_is_gone(
    openai: OpenAIDouble, caplog: pytest.LogCaptureFixture, name: str, path: str
) -> None:
    asked = brain(name, openai.options)
    await actions_of(asked, Heard("Hello?"))
    openai.script.fail(path, Kind.SERVER_ERROR)
    await asked.aclose()
    assert "stays at the provider: Overloaded" in caplog.text
