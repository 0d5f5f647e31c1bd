"""What the forms accept, and how they say what is wrong."""

import json
from typing import Any

import pytest

from agents.forms import AgentForm, PersonaForm, ScenarioForm
from agents.models import Agent, Persona, Scenario
from agents.services import create_agent

pytestmark = pytest.mark.django_db
SCRIPT = {"script": {"steps": [{"when": {"answered": True}, "do": [{"say": "Hello."}]}]}}


def agent_data(**changes: Any) -> dict[str, Any]:
    data = {"name": "bot", "kind": "hosted", "brain": "script", "brain_options": json.dumps(SCRIPT), "language": "en"}
    return data | changes


def test_a_hosted_agent_is_saved_with_its_first_version() -> None:
    form = AgentForm(agent_data(phone_number="+15550100300", prompt="Take orders."))
    assert form.is_valid(), form.errors
    agent = form.save()
    version = agent.current_version
    assert version is not None
    assert (version.number, version.prompt, version.brain_options) == (1, "Take orders.", SCRIPT)


def test_saving_an_unchanged_form_makes_no_new_version() -> None:
    agent = create_agent("bot", brain="script", brain_options=SCRIPT)
    form = AgentForm(agent_data(description="new words about it"), instance=agent)
    assert form.is_valid(), form.errors
    form.save()
    agent.refresh_from_db()
    assert (agent.description, agent.versions.count()) == ("new words about it", 1)


def test_an_edited_agent_shows_what_it_says_now_and_saves_a_new_version() -> None:
    agent = create_agent("bot", brain="script", brain_options=SCRIPT, prompt="old")
    assert AgentForm(instance=agent).initial["prompt"] == "old"
    form = AgentForm(agent_data(prompt="new"), instance=agent)
    assert form.is_valid(), form.errors
    form.save()
    assert list(agent.versions.values_list("number", "prompt")) == [(2, "new"), (1, "old")]


def test_each_problem_of_a_script_is_an_error_with_its_path() -> None:
    broken = {"script": {"steps": [{"when": {"heard": "("}, "do": [{"pres": "1"}]}]}}
    errors = AgentForm(agent_data(brain_options=json.dumps(broken))).errors["brain_options"]
    assert len(errors) == 2
    assert str(errors[0]).startswith("script: steps[0].when.heard: not a regular expression")
    assert str(errors[1]) == "script: steps[0].do[0].pres: unknown action; did you mean press?"


@pytest.mark.parametrize("number", ["5550100300", "+0123456789", "+1555", "+1 555 010 0300", "tel"])
def test_a_number_that_is_not_e164_is_refused(number: str) -> None:
    assert "E.164" in str(AgentForm(agent_data(phone_number=number)).errors["phone_number"])


def test_an_external_agent_needs_a_number_and_no_brain() -> None:
    assert "phone_number" in AgentForm(agent_data(kind="external", brain="", brain_options="")).errors
    form = AgentForm(agent_data(kind="external", brain="", brain_options="", phone_number="+15550100301"))
    assert form.is_valid(), form.errors
    assert form.save().kind == Agent.Kind.EXTERNAL


def test_a_hosted_agent_needs_a_brain_that_exists() -> None:
    assert "choose one" in str(AgentForm(agent_data(brain="")).errors["brain"])
    assert "brain" in AgentForm(agent_data(brain="no-such-brain")).errors


def test_a_script_brain_without_a_script_says_what_to_write() -> None:
    assert "listener" in str(AgentForm(agent_data(brain_options="")).errors["brain_options"])


def test_options_that_are_no_object_are_refused() -> None:
    assert "JSON object" in str(AgentForm(agent_data(brain_options="[1]")).errors["brain_options"])
    assert "Write JSON" in str(AgentForm(agent_data(brain_options="{")).errors["brain_options"])


def test_an_agent_is_never_saved_without_its_version() -> None:
    form = AgentForm(agent_data())
    assert form.is_valid()
    with pytest.raises(ValueError, match="together with its version"):
        form.save(commit=False)


def test_a_persona_may_leave_its_script_to_its_scenarios() -> None:
    form = PersonaForm({"name": "Dana", "brain": "script", "brain_options": ""})
    assert form.is_valid(), form.errors
    assert form.save().brain_options == {}


def test_a_persona_with_a_broken_script_is_refused() -> None:
    form = PersonaForm({"name": "Dana", "brain": "script", "brain_options": '{"script": {"steps": []}}'})
    assert "script: steps: " in str(form.errors["brain_options"])


def test_a_scenario_keeps_its_script_and_facts() -> None:
    data = {"name": "order", "script": json.dumps(SCRIPT["script"]), "facts": '{"name": "Dana"}', "line": ""}
    form = ScenarioForm(data)
    assert form.is_valid(), form.errors
    saved = form.save()
    assert (saved.script, saved.facts, saved.line) == (SCRIPT["script"], {"name": "Dana"}, {})


def test_a_scenario_with_a_broken_script_lists_the_paths() -> None:
    form = ScenarioForm({"name": "order", "script": '{"steps": [{"when": {"silence_s": -1}, "do": []}]}'})
    assert {str(error).split(":")[0] for error in form.errors["script"]} == {
        "steps[0].when.silence_s",
        "steps[0].do",
    }


def test_an_archived_persona_is_not_offered() -> None:
    persona = Persona.objects.create(name="Old", archived_at="2026-01-01T00:00:00Z")
    assert "persona" in ScenarioForm({"name": "order", "persona": persona.pk}).errors
    assert not Scenario.objects.exists()


@pytest.mark.parametrize("code", ["english", "klingon!", "e", "en-", "es MX"])
def test_what_is_no_code_of_a_language_is_refused(code: str) -> None:
    errors = AgentForm(agent_data(language=code[:12], translate_to=code)).errors
    assert set(errors) >= {"language", "translate_to"}
    assert "Write the code of a language" in str(errors["translate_to"])


@pytest.mark.parametrize("code", ["", "en", "es-MX", "pt_BR", "zh-Hant-TW"])
def test_codes_of_languages_are_taken(code: str) -> None:
    form = AgentForm(agent_data(language=code, translate_to=code))
    assert form.is_valid(), form.errors
