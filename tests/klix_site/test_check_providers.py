import re
from collections.abc import Iterator
from datetime import date
from io import StringIO

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from agents.provider_checks import Finding
from agents.providers.openai_shutdowns import instead_of
from klix_site.management.commands.check_providers import line_of, model_notes
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_server import OpenAIDouble

CAPABILITIES = ("stt", "stt_live", "chat", "tts", "realtime", "translation", "judge")


@pytest.fixture
def openai(settings: LazySettings) -> Iterator[OpenAIDouble]:
    with OpenAIDouble() as double:
        settings.SERVED = {name: dict(double.options) for name in CAPABILITIES}
        settings.JUDGE_MODEL = "gpt-6-luna"
        settings.PRICES = {"gpt-6-luna": {"input": 2.0, "output": 10.0}}
        yield double


def run(*only: str) -> str:
    out = StringIO()
    call_command("check_providers", *only, stdout=out)
    return out.getvalue()


def test_every_capability_makes_a_real_round_trip(openai: OpenAIDouble) -> None:
    openai.script.default_reply = "Good morning."
    lines = run().splitlines()
    assert len(lines) == 11
    assert all(line.startswith("✓") for line in lines[:10])
    assert lines[10] == "10 of 10 work, 0 are not set up."
    chat = next(line for line in lines if "brain chat" in line)
    assert "gpt-6-luna" in chat
    assert openai.url in chat
    assert re.search(r"answered in \d+ ms", chat)
    assert "cost 0.000170" in chat
    assert "no shutdown announced" in chat
    voice = next(line for line in lines if "voice openai " in line)
    assert "shuts down on 2027-01-06" in voice
    assert "cost unknown (KLIX_PRICES has no gpt-4o-mini-tts)" in voice


def test_the_translation_of_audio_is_asked_for_where_it_is_the_one_that_translates(
    openai: OpenAIDouble, settings: LazySettings
) -> None:
    assert "openai-audio" not in run("translation")
    assert "whisper-1" in run("translation openai-audio")
    settings.TRANSLATOR = "openai-audio"
    assert "whisper-1" in run("translation")


def test_what_does_not_work_is_told_and_fails_the_command(openai: OpenAIDouble) -> None:
    openai.script.assistants_open = False
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 4 do not work"):
        call_command("check_providers", "brain", stdout=out)
    assert "✗ brain assistants" in out.getvalue()
    assert "2026-08-26" in out.getvalue()


def test_a_server_that_is_down_is_told(openai: OpenAIDouble, settings: LazySettings) -> None:
    settings.SERVED["stt"] = {"base_url": "http://127.0.0.1:9/v1"}
    openai.script.fail("/speech", Kind.NO_QUOTA)
    with pytest.raises(CommandError, match="1 of 1"):
        run("ears", "openai")
    with pytest.raises(CommandError, match="1 of 1"):
        run("voice", "openai")


def test_without_any_key_nothing_is_asked_and_nothing_fails(settings: LazySettings) -> None:
    settings.SERVED = {name: {"base_url": "https://api.openai.com/v1"} for name in CAPABILITIES}
    lines = run().splitlines()
    assert [line[0] for line in lines[:10]] == ["–"] * 10
    assert "set OPENAI_API_KEY" in lines[0]
    assert "closed it on 2026-08-26" in next(line for line in lines if "assistants" in line)
    assert "works without one" in lines[10]


def test_a_wrong_key_is_told_from_a_server_that_is_not_reached(openai: OpenAIDouble, settings: LazySettings) -> None:
    settings.SERVED["stt"] = {**openai.options, "api_key": "sk-wrong"}
    settings.SERVED["tts"] = {"base_url": "http://127.0.0.1:9/v1"}
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("check_providers", "ears", "openai", stdout=out)
    assert "reached, but: openai does not accept the API key" in out.getvalue()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("check_providers", "voice", "openai", stdout=out)
    assert "gpt-4o-mini-tts at http://127.0.0.1:9/v1 · not reached" in out.getvalue()
    assert "server OPENAI_BASE_URL or KLIX_TTS_BASE_URL; no key is set" in out.getvalue()
    assert "its settings: key OPENAI_API_KEY or KLIX_STT_API_KEY, model KLIX_STT_MODEL" in out.getvalue()


def test_a_model_that_is_gone_is_told(openai: OpenAIDouble, settings: LazySettings) -> None:
    settings.SERVED["chat"] = {**openai.options, "model": "gpt-4o"}
    out = StringIO()
    with pytest.raises(CommandError, match="1 of 1"):
        call_command("check_providers", "brain", "chat", stdout=out)
    assert "gpt-4o at" in out.getvalue()
    assert "the model is not among those that the server lists" in out.getvalue()


def test_a_missing_key_and_an_unknown_capability_say_what_to_do(settings: LazySettings) -> None:
    settings.SERVED = {name: {"base_url": "https://api.openai.com/v1"} for name in CAPABILITIES}
    with pytest.raises(CommandError, match="1 of 1"):
        run("translation")
    with pytest.raises(CommandError, match="Known: ears openai"):
        run("nose")


def test_a_model_that_dies_soon_is_warned_of() -> None:
    finding = Finding("voice", "openai", "tts-1", model_known=True, shutdown_date="2027-01-06")
    instead = "; instead: the voice openai-realtime, or a speech server of your own (KLIX_TTS_BASE_URL)"
    (told,) = model_notes(finding, date(2026, 11, 22))
    assert told == f"CHOOSE ANOTHER MODEL: shuts down on 2027-01-06 (in 45 days){instead}"
    assert model_notes(finding, date(2026, 6, 1)) == [f"shuts down on 2027-01-06 (in 219 days){instead}"]
    own = Finding("voice", "openai", "my-own", model_known=True, shutdown_date="2027-01-06")
    assert model_notes(own, date(2026, 6, 1)) == ["shuts down on 2027-01-06 (in 219 days)"]
    assert model_notes(Finding("ears", "openai"), date(2026, 6, 1)) == ["the server lists no models"]
    assert "not among" in line_of(Finding("ears", "openai", "m", model_known=False), date(2026, 6, 1))
    assert "was to be shut down on" in model_notes(finding, date(2027, 2, 1))[0]


def test_a_judge_that_is_not_turned_on_is_not_said_to_work(openai: OpenAIDouble, settings: LazySettings) -> None:
    settings.JUDGE_MODEL = ""
    lines = run().splitlines()
    assert lines[-1] == "9 of 10 work, 1 are not set up."
    assert next(line for line in lines if "judge" in line).endswith("Set KLIX_JUDGE_MODEL.")


def test_what_is_wrong_with_an_interface_is_not_mixed_with_what_is_right_with_its_model(openai: OpenAIDouble) -> None:
    openai.script.assistants_open = False
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("check_providers", "brain", "assistants", stdout=out)
    assert "no shutdown announced" not in out.getvalue()


@pytest.mark.parametrize(
    ("model", "instead"),
    [
        ("gpt-4o-mini-tts", "the voice openai-realtime"),
        ("whisper-1", "gpt-transcribe"),
        ("gpt-4o-transcribe", "gpt-transcribe"),
        ("gpt-realtime-mini", "gpt-realtime-2.1-mini"),
        ("gpt-5-mini-2025-08-07", "gpt-6-luna"),
        ("gpt-4.1", "gpt-6-luna"),
        ("gpt-6-luna", ""),
        ("gpt-realtime-2.1", ""),
        ("gpt-transcribe", ""),
    ],
)
def test_a_model_that_is_shut_down_has_a_successor(model: str, instead: str) -> None:
    assert instead_of(model).startswith(instead)
    assert bool(instead_of(model)) is bool(instead)
    assert "KLIX_TRANSLATOR" in instead_of("whisper-1", "translation")
