"""Hearing a voice on the page of a persona or an agent."""

import io
import wave
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from agents.models import Agent, AgentVersion, Persona
from evaluations.voice_views import MOST_A_MINUTE
from klix_site.models import AuditEntry
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client() -> Client:
    made = Client()
    made.force_login(operator())
    return made


def test_a_persona_speaks_a_sentence_with_its_voice(client: Client) -> None:
    persona = Persona.objects.create(name="Dana", voice="scripted:tone")
    answer = client.post(f"/personas/{persona.public_id}/voice/")
    assert answer.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.getnchannels() == 1
        assert sound.getnframes() / sound.getframerate() > 0.5


def test_an_agent_speaks_with_the_voice_of_its_newest_version(client: Client) -> None:
    agent = Agent.objects.create(name="Lucia")
    assert client.post(f"/agents/{agent.public_id}/voice/").status_code == 404
    AgentVersion.objects.create(agent=agent, number=1, voice="nobody:at-all")
    AgentVersion.objects.create(agent=agent, number=2, voice="scripted:tone")
    assert client.post(f"/agents/{agent.public_id}/voice/").status_code == 200


def test_a_voice_that_is_not_there_is_told_and_nothing_breaks(client: Client) -> None:
    persona = Persona.objects.create(name="Dana", voice="nobody:at-all")
    answer = client.post(f"/personas/{persona.public_id}/voice/")
    assert answer.status_code == 502
    assert answer.content.startswith(b"The voice could not be heard: ")


def chosen(voice: str, **more: str) -> dict[str, str]:
    """As the form of an agent is sent, with more than its voice."""
    return {"name": "", "prompt": "Take orders.", "voice": voice, "voice_options": "{}", "language": "en"} | more


def test_a_voice_is_heard_before_anything_is_saved(client: Client) -> None:
    answer = client.post("/voices/hear/", chosen("scripted:tone"))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "audio/wav")
    with wave.open(io.BytesIO(answer.content)) as sound:
        assert sound.getnframes() / sound.getframerate() > 0.5
    assert not Agent.objects.exists()
    assert not AuditEntry.objects.filter(action__contains="voice").exists()


@pytest.mark.parametrize(
    "wrong",
    [chosen("nobody:at-all"), chosen("scripted:tone", voice_options="fast"), chosen("openai:alloy")],
)
def test_a_choice_that_cannot_speak_says_why(client: Client, wrong: dict[str, str], settings: Any) -> None:
    settings.SERVED = settings.SERVED | {"tts": {"base_url": "https://api.openai.com/v1", "api_key": "", "model": ""}}
    answer = client.post("/voices/hear/", wrong)
    assert answer.status_code == 400
    assert len(answer.content.decode()) > len("The voice could not be heard: ")


def test_nobody_hears_more_than_twenty_voices_within_a_minute(client: Client) -> None:
    cache.clear()
    answers = [client.post("/voices/hear/", chosen("scripted:tone")).status_code for _ in range(MOST_A_MINUTE + 1)]
    assert answers == [200] * MOST_A_MINUTE + [429]
    other = Client()
    other.force_login(operator("otto"))
    assert other.post("/voices/hear/", chosen("scripted:tone")).status_code == 200


@pytest.mark.parametrize("form", ["/agents/new/", "/personas/new/"])
def test_the_forms_have_a_button_that_speaks_with_the_chosen_voice(client: Client, form: str) -> None:
    assert client.get(form).content.decode().count('data-hear="/voices/hear/"') == 1


def test_who_only_looks_spends_no_money_on_voices() -> None:
    persona = Persona.objects.create(name="Dana", voice="scripted:tone")
    client = Client()
    client.force_login(viewer())
    assert User.objects.count() == 1
    assert client.post(f"/personas/{persona.public_id}/voice/").status_code == 403
    assert client.post("/voices/hear/", chosen("scripted:tone")).status_code == 403
