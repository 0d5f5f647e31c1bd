"""External agents' addresses and scenarios' lines, as the forms take and refuse them."""

from typing import Any

import pytest

from agents.forms import AgentForm, ScenarioForm
from agents.models import Agent
from agents.services import duplicate_agent
from tests.agents.test_forms import agent_data

pytestmark = pytest.mark.django_db
SID = "AC" + "0" * 32


def form(**changes: Any) -> AgentForm:
    return AgentForm(agent_data(kind="external", brain="", brain_options="", **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"phone_number": "+15550100301"},
        {"address_kind": "voice_url", "address": "http://127.0.0.1:5000/voice?tenant=7"},
        {"address_kind": "voice_url", "address": "https://bot.example.com/voice", "auth_token_env": "BOT_AUTH_TOKEN"},
        {"address_kind": "stream_url", "address": "wss://bot.example.com/ws", "stream_parameters": '{"a": "b"}'},
        {"address_kind": "stream_url", "address": "ws://[::1]:80/", "account_sid": SID, "auth_token_env": "AUTH_TOKEN"},
    ],
)
def test_an_agent_is_reached_in_each_of_three_ways(changes: dict[str, str]) -> None:
    filled = form(**changes)
    assert filled.is_valid(), filled.errors
    agent = filled.save()
    assert agent.address == changes.get("address", "")
    assert agent.address_kind == changes.get("address_kind", "number")


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({}, "phone_number", "write its number"),
        (
            {"address_kind": "number", "phone_number": "+15550100301", "address": "http://x"},
            "address",
            "leave it empty",
        ),
        ({"address_kind": "voice_url"}, "address", "http:// or https://"),
        ({"address_kind": "voice_url", "address": "wss://x/ws"}, "address", "http:// or https://"),
        ({"address_kind": "stream_url", "address": "https://x/ws"}, "address", "ws:// or wss://"),
        ({"address_kind": "stream_url", "address": "wss://x/ws?a=1"}, "address", "takes no query"),
        ({"address_kind": "voice_url", "address": "http://me:secret@x/"}, "address", "Leave the user name"),
        ({"address_kind": "voice_url", "address": "http://x:99999/"}, "address", "whole address"),
        ({"address_kind": "voice_url", "address": "http://x/", "auth_token_env": "0123abcd"}, "auth_token_env", "NAME"),
        (
            {"address_kind": "voice_url", "address": "http://x/", "auth_token_env": "DJANGO_SECRET_KEY"},
            "auth_token_env",
            "AUTH_TOKEN",
        ),
        ({"address_kind": "voice_url", "address": "http://x/", "account_sid": SID}, "auth_token_env", "needed"),
        ({"address_kind": "voice_url", "address": "http://x/", "account_sid": "x"}, "account_sid", "AC and 32"),
        (
            {"address_kind": "voice_url", "address": "http://x/", "stream_parameters": '{"a": "b"}'},
            "stream_parameters",
            "Only a media stream",
        ),
        (
            {"address_kind": "stream_url", "address": "ws://x/", "stream_parameters": '{"a": 1}'},
            "stream_parameters",
            "a parameter is text",
        ),
        ({"phone_number": "+15550100301", "send_digits": "1;2"}, "send_digits", "0-9"),
    ],
)
def test_what_cannot_work_is_said_at_its_field(changes: dict[str, str], field: str, said: str) -> None:
    filled = form(**changes)
    assert not filled.is_valid()
    assert said in str(filled.errors[field])


def test_a_copy_is_reached_at_the_same_address() -> None:
    filled = form(address_kind="stream_url", address="ws://127.0.0.1:5/ws", stream_parameters='{"a": "b"}')
    assert filled.is_valid(), filled.errors
    agent = filled.save()
    copy = duplicate_agent(agent)
    assert (copy.kind, copy.address_kind, copy.address) == (Agent.Kind.EXTERNAL, "stream_url", agent.address)
    assert copy.stream_parameters == {"a": "b"}


def test_a_scenarios_line_is_checked() -> None:
    good = ScenarioForm({"name": "Noisy", "line": '{"preset": "street at 10 dB"}'})
    assert good.is_valid(), good.errors
    bad = ScenarioForm({"name": "Noisy", "line": '{"caller": [{"condition": "rain"}], "seed": -1}'})
    assert not bad.is_valid()
    assert "there is no condition &#x27;rain&#x27;" in str(bad.errors["line"])
    assert "seed must be" in str(bad.errors["line"])


def test_a_message_to_leave_must_be_written() -> None:
    empty = ScenarioForm({"name": "Reminder", "on_voicemail": "message"})
    assert not empty.is_valid()
    assert "Write the message" in str(empty.errors["voicemail_message"])
    assert ScenarioForm({"name": "Reminder", "on_voicemail": "message", "voicemail_message": "Tomorrow."}).is_valid()
