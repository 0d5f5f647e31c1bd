from typing import Any

import pytest
from django.conf import LazySettings

from agents.provider_settings import provider_options


@pytest.fixture(autouse=True)
def _site(settings: LazySettings) -> None:
    openai = {"base_url": "https://api.openai.com/v1", "api_key": "sk-site", "model": ""}
    settings.SERVED = {
        "stt": {"base_url": "http://127.0.0.1:8000/v1", "api_key": "", "model": "whisper-large"},
        "chat": {**openai, "model": "gpt-6-sol"},
        "tts": openai,
        "realtime": openai,
        "judge": openai,
    }
    settings.ALLOW_PRIVATE_WEBHOOKS = False


def test_each_capability_has_its_own_server() -> None:
    assert provider_options("ears", "openai") == {"base_url": "http://127.0.0.1:8000/v1", "model": "whisper-large"}
    assert provider_options("voice", "openai:marin") == {
        "base_url": "https://api.openai.com/v1",
        "api_key": "sk-site",
    }


def test_what_an_agent_sets_wins_and_blank_is_unset() -> None:
    options = provider_options("brain", "responses", {"model": "gpt-6-luna", "base_url": "", "greeting": "Hi."})
    assert (options["model"], options["base_url"]) == ("gpt-6-luna", "https://api.openai.com/v1")
    assert (options["api_key"], options["greeting"]) == ("sk-site", "Hi.")


@pytest.mark.parametrize("elsewhere", ["http://10.0.0.9/v1", "https://api.openai.com.evil.example/v1"])
def test_the_sites_key_is_not_sent_to_an_address_that_an_agent_chose(elsewhere: str) -> None:
    assert "api_key" not in provider_options("brain", "chat", {"base_url": elsewhere})
    assert provider_options("brain", "chat", {"base_url": elsewhere, "api_key": "own"})["api_key"] == "own"
    assert provider_options("brain", "chat", {"base_url": "https://api.openai.com/v1/"})["api_key"] == "sk-site"


def test_an_agent_cannot_allow_itself_private_webhooks(settings: LazySettings) -> None:
    own: dict[str, Any] = {"allow_private_webhooks": True}
    assert provider_options("brain", "chat", own)["allow_private_webhooks"] is False
    assert "allow_private_webhooks" not in provider_options("brain", "script", own)
    settings.ALLOW_PRIVATE_WEBHOOKS = True
    assert provider_options("brain", "chat")["allow_private_webhooks"] is True


def test_a_provider_without_a_server_gets_its_own_options_alone() -> None:
    assert provider_options("voice", "hibari:heart", {"speed": 1.1}) == {"speed": 1.1}
