"""Agents and their versions, copies, archive."""

import pytest

from agents import selectors, services
from agents.models import Persona, Scenario

pytestmark = pytest.mark.django_db


def test_a_version_is_made_only_when_something_changed() -> None:
    agent = services.create_agent("bot", prompt="one")
    first = agent.current_version
    assert services.save_agent_version(agent, prompt="one") == first
    second = services.save_agent_version(agent, prompt="two")
    assert (second.number, second.prompt) == (2, "two")
    assert agent.current_version == second


def test_a_field_that_is_not_given_stays_as_it_was() -> None:
    agent = services.create_agent("bot", prompt="one", voice="hibari:heart")
    assert services.save_agent_version(agent, prompt="two").voice == "hibari:heart"


def test_a_copy_has_a_free_name_the_current_words_and_no_number() -> None:
    agent = services.create_agent("bot", phone_number="+15550100300", prompt="one")
    services.save_agent_version(agent, prompt="two")
    copy, another = services.duplicate_agent(agent), services.duplicate_agent(agent)
    assert (copy.name, another.name, copy.phone_number) == ("bot (copy)", "bot (copy 2)", "")
    assert copy.current_version is not None
    assert (copy.current_version.number, copy.current_version.prompt) == (1, "two")


def test_a_long_name_can_be_copied() -> None:
    agent = services.create_agent("x" * 100)
    assert services.duplicate_agent(agent).name == "x" * 93 + " (copy)"


def test_personas_and_scenarios_are_copied_whole() -> None:
    persona = Persona.objects.create(name="Dana", phone_number="+15550100300", voice="joe:joe")
    scenario = Scenario.objects.create(name="order", persona=persona, facts={"name": "Dana"})
    copy = services.duplicate_persona(persona)
    assert (copy.name, copy.phone_number, copy.voice) == ("Dana (copy)", "", "joe:joe")
    again = services.duplicate_scenario(scenario)
    assert (again.persona, again.facts, again.public_id == scenario.public_id) == (persona, {"name": "Dana"}, False)


def test_an_archived_agent_leaves_the_lists_and_frees_its_number() -> None:
    agent = services.create_agent("bot", phone_number="+15550100300")
    assert selectors.agent_at("+15550100300") == agent
    services.archive(agent)
    assert selectors.agent_at("+15550100300") is None
    assert list(selectors.active_agents()) == []
    assert list(selectors.archived_agents()) == [agent]
    services.create_agent("next", phone_number="+15550100300")
    services.restore(agent)
    assert {found.name for found in selectors.active_agents()} == {"bot", "next"}


def test_no_number_finds_nobody() -> None:
    services.create_agent("bot")
    Persona.objects.create(name="Dana")
    assert selectors.agent_at("") is None
    assert selectors.persona_at("") is None


def test_the_script_brain_is_offered() -> None:
    assert "script" in dict(selectors.brain_choices())
