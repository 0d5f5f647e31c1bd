"""What the forms say of brains, ears and voices: what each needs, whether it can work, and which options there are."""

import json
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from agents.forms import AgentForm, PersonaForm
from agents.provider_help import all_helps, help_of
from agents.provider_settings import option_problems, provider_options
from agents.services import create_agent

OPENAI = "https://api.openai.com/v1"
CAPABILITIES = ("stt", "stt_live", "chat", "tts", "realtime")


@pytest.fixture(autouse=True)
def _without_keys(settings: LazySettings) -> None:
    settings.SERVED = {name: {"base_url": OPENAI, "api_key": "", "model": ""} for name in CAPABILITIES}
    settings.DEFAULT_EARS, settings.DEFAULT_VOICE = "moonshine", "hibari:heart"


def with_keys(settings: LazySettings, base_url: str = OPENAI) -> None:
    settings.SERVED = {name: {"base_url": base_url, "api_key": "sk-x", "model": ""} for name in CAPABILITIES}


# --- What is told -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("role", "name", "offline"),
    [("brain", "chat", "script"), ("ears", "openai", "moonshine"), ("voice", "openai:marin", "hibari:heart")],
)
def test_without_its_key_a_provider_says_so_and_the_offline_one_is_named(role: str, name: str, offline: str) -> None:
    told = help_of(role, name)
    assert told is not None
    assert "OPENAI_API_KEY" in told.problem
    assert told.instead == offline
    assert told.needs[0][2] == "not set"


def test_with_its_key_it_can_work_and_its_model_and_server_are_told(settings: LazySettings) -> None:
    with_keys(settings)
    told = help_of("brain", "responses")
    assert told is not None
    assert (told.problem, told.instead) == ("", "")
    assert ("Model", "KLIX_CHAT_MODEL", "gpt-6-luna") in told.needs
    assert OPENAI in told.needs[2]
    assert "sk-x" not in repr(told)


def test_the_retired_interface_says_since_when_and_what_to_choose(settings: LazySettings) -> None:
    with_keys(settings)
    told = help_of("brain", "assistants")
    assert told is not None
    assert "OpenAI closed it on 2026-08-26" in told.problem
    assert "'responses'" in told.problem
    with_keys(settings, "http://127.0.0.1:8000/v1")
    still = help_of("brain", "assistants")
    assert still is not None
    assert still.problem == ""


def test_an_offline_provider_needs_nothing_and_tells_its_options() -> None:
    told = help_of("voice", "")
    assert told is not None
    assert (told.name, told.is_default, told.is_offline, told.needs) == ("hibari:heart", True, True, ())
    assert [option.name for option in told.options] == ["speed", "seed"]
    assert help_of("ears", "no-such") is None


@pytest.mark.parametrize("role", ["brain", "ears", "voice"])
def test_every_provider_tells_what_each_of_its_options_does(role: str) -> None:
    known = all_helps(role)
    assert len(known) >= 3
    for told in known:
        names = [option.name for option in told.options]
        assert len(set(names)) == len(names)
        assert all(option.meaning for option in told.options)
        assert told.is_offline or {"model", "base_url", "api_key_env"} <= set(names)


# --- What is accepted -------------------------------------------------------------------------------------------------
def agent_form(**changes: Any) -> AgentForm:
    given = {"name": "bot", "kind": "hosted", "brain": "scripted", "language": "en", **changes}
    return AgentForm({name: json.dumps(value) if isinstance(value, dict) else value for name, value in given.items()})


@pytest.mark.django_db
def test_model_and_server_of_each_role_are_set_in_the_form(settings: LazySettings) -> None:
    with_keys(settings)
    own = {"base_url": "http://127.0.0.1:9/v1", "model": "mine"}
    form = agent_form(
        brain="chat", brain_options=own, ears="openai", ears_options=own, voice="openai:marin", voice_options=own
    )
    assert form.is_valid(), form.errors
    version = form.save().current_version
    assert version is not None
    assert version.brain_options == version.ears_options == version.voice_options == own


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["brain", "ears", "voice"])
def test_an_option_that_does_not_exist_is_named_with_the_one_meant(settings: LazySettings, role: str) -> None:
    with_keys(settings)
    chosen = {"brain": "chat", "ears": "openai", "voice": "openai:marin"}
    errors = agent_form(**{role: chosen[role], f"{role}_options": {"modle": "gpt-6-sol"}}).errors
    assert "did you mean model?" in str(errors[f"{role}_options"])


@pytest.mark.django_db
def test_options_without_a_choice_are_those_of_the_sites_default() -> None:
    assert "speed is a number" in str(agent_form(voice_options={"speed": 9}).errors["voice_options"])
    persona = PersonaForm({"name": "Dana", "brain": "scripted", "ears_options": '{"model": "x"}'})
    assert persona.errors["ears_options"] == ["There is no option 'model' here. It knows none."]


@pytest.mark.django_db
def test_a_key_is_not_kept_in_an_agent_but_named(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = {"base_url": "http://127.0.0.1:9/v1"}
    refused = agent_form(brain="chat", brain_options={**elsewhere, "api_key": "sk-mine"}).errors
    assert "api_key_env" in str(refused["brain_options"])
    assert "sk-mine" not in str(refused["brain_options"])
    named = {**elsewhere, "api_key_env": "KLIX_KEY_MINE"}
    assert "KLIX_KEY_MINE is not set" in str(agent_form(brain="chat", brain_options=named).errors["brain_options"])
    monkeypatch.setenv("KLIX_KEY_MINE", "sk-mine")
    assert agent_form(brain="chat", brain_options=named).is_valid()
    assert provider_options("brain", "chat", named)["api_key"] == "sk-mine"


def test_no_other_secret_of_the_server_can_be_named_as_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SECRET_KEY", "secret")
    named = {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "DJANGO_SECRET_KEY"}
    assert "api_key" not in provider_options("brain", "chat", named)
    assert "like KLIX_KEY_" in option_problems("brain", "chat", named)[0]


# --- The pages --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize("page", ["/agents/new/", "/personas/new/"])
def test_the_help_is_on_the_page_and_another_choice_fetches_its_own(admin_client: Client, page: str) -> None:
    html = admin_client.get(page).content.decode()
    for role in ("brain", "ears", "voice"):
        assert f'id="help-{role}"' in html
        assert f'hx-target="#help-{role}"' in html
    assert "about 180 words a minute" in html
    assert 'href="/providers/help/#ears"' in html


@pytest.mark.django_db
def test_one_choice_and_all_of_them_are_told(admin_client: Client) -> None:
    one = admin_client.get("/providers/help/", {"brain": "assistants"}).content.decode()
    assert one.lstrip().startswith("<div")
    assert "2026-08-26" in one
    every = admin_client.get("/providers/help/").content.decode()
    assert all(f"<code>{name}</code>" in every for name in ("script", "realtime", "moonshine", "openai-live", "joe"))
    assert len(every) < 80_000


@pytest.mark.django_db
def test_a_form_that_is_refused_tells_of_what_was_chosen(admin_client: Client) -> None:
    answer = admin_client.post("/agents/new/", {"name": "bot", "kind": "hosted", "brain": "chat", "language": "en"})
    assert answer.status_code == 422
    assert "It cannot work as set up now." in answer.content.decode()


@pytest.mark.django_db
def test_an_agent_with_a_server_of_its_own_is_not_said_to_lack_the_sites_key(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLIX_KEY_OWN", "a key")
    own = {"base_url": "http://127.0.0.1:9/v1", "api_key_env": "KLIX_KEY_OWN", "model": "m"}
    for name, options in (("Own", own), ("Bare", {})):
        agent = create_agent(name, phone_number="", brain="chat", brain_options=options)
        page = admin_client.get(f"/agents/{agent.public_id}/edit/").content.decode()
        assert ("It cannot work as set up now." in page) is (name == "Bare")
