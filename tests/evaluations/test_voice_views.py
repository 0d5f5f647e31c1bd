"""Hearing a voice on the page of a persona or an agent."""

import io
import wave

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent, AgentVersion, Persona
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


def test_who_only_looks_spends_no_money_on_voices() -> None:
    persona = Persona.objects.create(name="Dana", voice="scripted:tone")
    client = Client()
    client.force_login(viewer())
    assert User.objects.count() == 1
    assert client.post(f"/personas/{persona.public_id}/voice/").status_code == 403
