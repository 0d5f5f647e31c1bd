"""The system checks: each setting that does not fit is named, with what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import CheckMessage
from django.test import override_settings

from agents.providers.registry import Entry
from klix_site import checks

TWILIO = {
    "TELEPHONY": "twilio",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "secret",
    "TWILIO_NUMBER": "+14155550123",
    "TWILIO_API_BASE_URL": "",
    "PUBLIC_BASE_URL": "https://klix.example.com",
}
SOUND_PRODUCTION = {
    **TWILIO,
    "PRODUCTION": True,
    "SECRET_KEY_IS_OURS": False,
    "DEBUG": False,
    "ALLOW_UNSIGNED_MEDIA": False,
}


def ids(check: Callable[..., list[CheckMessage]], **changed: Any) -> list[str | None]:
    with override_settings(**changed):
        found = check()
    assert all(message.hint for message in found)
    return [message.id for message in found]


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8765", "https://klix.example.com", "https://klix.example.com:8443", "http://[::1]:8765"]
)
def test_a_base_address_is_accepted(url: str) -> None:
    assert ids(checks.check_public_address, PUBLIC_BASE_URL=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "klix.example.com",
        "ftp://klix.example.com",
        "https://",
        "https://klix.example.com/klix",
        "https://klix.example.com?x=1",
        "https://user:word@klix.example.com",
        "http://[bad",
        "https://klix.example.com:port",
        "https://klix.example.com:0",
    ],
)
def test_a_malformed_public_address_is_an_error(url: str) -> None:
    assert ids(checks.check_public_address, PUBLIC_BASE_URL=url) == ["klix.E001"]


def test_complete_twilio_settings_are_accepted() -> None:
    assert ids(checks.check_telephony, **TWILIO) == []


def test_an_unknown_telephony_is_an_error() -> None:
    assert ids(checks.check_telephony, TELEPHONY="pigeon") == ["klix.E002"]


@pytest.mark.parametrize("name", ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_NUMBER"])
def test_twilio_without_one_of_its_settings_is_an_error(name: str) -> None:
    assert ids(checks.check_telephony, **TWILIO | {name: ""}) == ["klix.E003"]


def test_twilio_cannot_stream_to_an_http_address() -> None:
    assert ids(checks.check_telephony, **TWILIO | {"PUBLIC_BASE_URL": "http://klix.example.com"}) == ["klix.E004"]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "192.168.1.20", "[::1]", "10.0.0.4:8443", "klix.local"])
def test_twilio_cannot_reach_an_address_inside_this_machine_or_network(host: str) -> None:
    assert ids(checks.check_telephony, **TWILIO | {"PUBLIC_BASE_URL": f"https://{host}"}) == ["klix.E004"]


def test_an_exchange_at_another_address_may_stream_to_http() -> None:
    local = {"PUBLIC_BASE_URL": "http://127.0.0.1:8765", "TWILIO_API_BASE_URL": "http://127.0.0.1:9999"}
    assert ids(checks.check_telephony, **TWILIO | local) == []


@pytest.mark.parametrize("number", ["4155550123", "+1 415 555 0123", "+0155550123", "+1"])
@pytest.mark.parametrize("telephony", ["twilio", "sandbox"])
def test_a_number_that_is_not_e164_is_an_error(telephony: str, number: str) -> None:
    changed = TWILIO | {"TELEPHONY": telephony, "TWILIO_NUMBER": number}
    assert ids(checks.check_telephony, **changed) == ["klix.E006"]


def production_ids(database: str = "postgresql", **changed: Any) -> list[str | None]:
    return ids(lambda: list(checks._production_problems(database)), **SOUND_PRODUCTION | changed)


def test_sound_production_settings_are_accepted() -> None:
    assert production_ids() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"ALLOW_UNSIGNED_MEDIA": True}, "klix.E005"),
        ({"SECRET_KEY_IS_OURS": True}, "klix.E007"),
        ({"DEBUG": True}, "klix.E008"),
        ({"TELEPHONY": "sandbox"}, "klix.W002"),
        ({"database": "sqlite"}, "klix.W001"),
    ],
)
def test_what_is_for_development_is_found_in_production(changed: dict[str, Any], expected: str) -> None:
    assert production_ids(**changed) == [expected]


def test_outside_production_what_is_for_development_is_allowed() -> None:
    assert ids(checks.check_production, PRODUCTION=False, ALLOW_UNSIGNED_MEDIA=True) == []
    assert "klix.E005" in ids(checks.check_production, PRODUCTION=True, ALLOW_UNSIGNED_MEDIA=True)


@pytest.mark.parametrize("name", sorted(checks.POSITIVE))
def test_a_duration_of_nothing_is_an_error(name: str) -> None:
    assert ids(checks.check_numbers, **{name: 0}) == ["klix.E010"]
    assert ids(checks.check_numbers, **{name: 1}) == []


@pytest.mark.parametrize("name", sorted(checks.NOT_NEGATIVE))
def test_a_limit_below_nothing_is_an_error(name: str) -> None:
    assert ids(checks.check_numbers, **{name: -1}) == ["klix.E010"]
    assert ids(checks.check_numbers, **{name: 0}) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["CALLS_PER_SECOND", "TWILIO_TIMEOUT_S"])
def test_a_number_that_is_none_is_an_error(name: str, value: float) -> None:
    assert ids(checks.check_numbers, **{name: value}) == ["klix.E010"]


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_cannot_be_is_an_error(port: int) -> None:
    assert ids(checks.check_numbers, PORT=port) == ["klix.E010"]


@pytest.mark.parametrize("name", ["DEFAULT_EARS", "DEFAULT_VOICE", "DEFAULT_BRAIN"])
def test_a_provider_that_does_not_exist_is_an_error_that_names_the_known_ones(name: str) -> None:
    with override_settings(**{name: "nonesuch"}):
        found = [message for message in checks.check_providers() if "nonesuch" in message.msg]
    assert [message.id for message in found] == ["klix.E009"]
    assert "Known:" in str(found[0].hint)


def entry_of(module: str, **more: Any) -> Entry[Any, Any]:
    def make(setup: object) -> object:
        return setup

    make.__module__ = module
    return Entry("example", "Example", make, **more)


def problems(entry: Entry[Any, Any], voice: str = "", **changed: Any) -> list[str | None]:
    with override_settings(**changed):
        return [message.id for message in checks._provider_problems("KLIX_BRAIN", entry, voice)]


def test_an_openai_provider_needs_a_key() -> None:
    openai = entry_of("agents.providers.openai_chat")
    assert problems(openai, OPENAI_API_KEY="") == ["klix.E011"]
    assert problems(openai, OPENAI_API_KEY="sk-x") == []
    assert problems(openai, OPENAI_API_KEY="", OPENAI_BASE_URL="http://127.0.0.1:8000/v1") == []
    assert problems(entry_of("agents.providers.script"), OPENAI_API_KEY="") == []


def test_a_voice_that_the_provider_does_not_have_is_an_error() -> None:
    speaker = entry_of("agents.providers.hibari", voices=("heart", "joe"))
    assert problems(speaker, "heart") == problems(speaker) == []
    assert problems(speaker, "nobody") == ["klix.E009"]


def test_a_judge_needs_a_key() -> None:
    assert ids(checks.check_judge, JUDGE_MODEL="gpt-6-luna", OPENAI_API_KEY="") == ["klix.E011"]
    assert ids(checks.check_judge, JUDGE_MODEL="gpt-6-luna", OPENAI_API_KEY="sk-x") == []
    assert ids(checks.check_judge, JUDGE_MODEL="", OPENAI_API_KEY="") == []


def test_every_id_is_listed_at_the_head_of_the_module() -> None:
    assert checks.__doc__ is not None
    used = {part[:9] for part in Path(checks.__file__).read_text().split('id="')[1:]}
    assert used == {line.split()[0] for line in checks.__doc__.splitlines() if line.strip().startswith("klix.")}
