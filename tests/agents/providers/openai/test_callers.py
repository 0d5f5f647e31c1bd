import pytest

from agents.ports import HangUp, Heard, Note
from agents.providers.caller_instructions import caller_instructions, left_role
from tests.agents.providers.openai.asking import actions_of, brain, hang_ups, notes
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

OPTIONS = {"goal": "Order two pizzas.", "manner": "In a hurry.", "patience": "Two questions, then give up."}


async def test_a_caller_is_told_its_goal_its_facts_and_to_stay_in_its_role(openai: OpenAIDouble) -> None:
    caller = brain("chat", {**openai.options, **OPTIONS}, side="caller", facts={"name": "Dana"}, language="de-DE")
    await actions_of(caller, Heard("Luigi's, hello?"))
    body = openai.script.requests("/chat/completions")[0].body
    told = body["messages"][0]["content"]
    for part in ("Order two pizzas.", "In a hurry.", "Two questions", '"name": "Dana"', "German (de-DE)", "hang_up"):
        assert part in told
    assert [tool["function"]["name"] for tool in body["tools"]] == ["hang_up"]
    await caller.aclose()


@pytest.mark.parametrize("name", ["chat", "responses", "assistants"])
async def test_a_caller_that_speaks_like_the_agent_is_noted(openai: OpenAIDouble, name: str) -> None:
    openai.script.replies += [Reply("As an AI, I cannot eat pizza."), Reply("Two pizzas, please.")]
    caller = brain(name, openai.options, side="caller")
    assert notes(await actions_of(caller, Heard("Hello?"))) == [("left_role", {"words": "As an AI"})]
    assert notes(await actions_of(caller, Heard("Pardon?"))) == []
    await caller.aclose()


async def test_an_agent_may_offer_its_help(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("How can I help you?"))
    agent = brain("chat", openai.options)
    assert notes(await actions_of(agent, Heard("Hello?"))) == []
    await agent.aclose()


async def test_a_caller_that_never_ends_the_call_is_ended(openai: OpenAIDouble) -> None:
    caller = brain("chat", {**openai.options, "max_turns": 2}, side="caller")
    for _ in range(2):
        assert hang_ups(await actions_of(caller, Heard("Yes?"))) == []
    assert await actions_of(caller, Heard("Yes?")) == [HangUp("more than 2 turns")]
    await caller.aclose()


async def test_two_models_that_talk_to_each_other_end_by_the_function(openai: OpenAIDouble) -> None:
    openai.script.replies.append(Reply("Thanks, bye!", calls=(("hang_up", '{"reason": "ordered"}'),)))
    caller = brain("chat", openai.options, side="caller")
    actions = await actions_of(caller, Heard("Your order is placed."))
    assert hang_ups(actions) == ["ordered"]
    assert [action.name for action in actions if isinstance(action, Note)] == ["tool_called", "tool_answered"]
    await caller.aclose()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("How can I help you today?", True),
        ("I'm an AI language model.", True),
        ("Is there anything else I can assist you with?", True),
        ("Thank you for calling Luigi's.", True),
        ("Can you help me?", False),
        ("I am calling about an order.", False),
        ("I am an airline pilot.", False),
    ],
)
def test_leaving_the_role_shows_in_the_words(text: str, left: bool) -> None:
    assert bool(left_role(text)) is left


def test_empty_parts_are_left_out() -> None:
    assert "Your goal" not in caller_instructions(prompt="Order pizza.")
