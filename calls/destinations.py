"""Where a call goes, beyond the number: an external agent's own application, and the line between the two.

Both exist in the sandbox exchange only. With Twilio they are refused before anything is dialled: a call that pretended
to have them would be measured wrongly.
"""

import json
import os
from typing import Any, Final

from django.conf import settings

from agents.models import Agent
from calls.audio.line.spec import LineError, LineSpec, parse_line
from calls.models import Call
from calls.refusals import CallRefused
from calls.states import Side
from calls.telephony import twiml

# What an application without a number of its own is told that was called.
UNNUMBERED: Final = "+15550100800"


def dialled_number(agent: Agent) -> str:
    """The number at which a persona calls the agent. Raises CallRefused."""
    if _has_application(agent):
        return agent.phone_number or UNNUMBERED
    if not agent.phone_number:
        raise CallRefused(f"{agent.name} has no phone number at which a persona could call it.", "agent")
    return agent.phone_number


def check_destination(agent: Agent, side: Side, line_settings: Any) -> None:
    """Raises CallRefused where this call needs what the exchange in use does not have. `line_settings`: a scenario's
    `line`."""
    line = _line(line_settings)
    in_sandbox = settings.TELEPHONY == "sandbox"
    if not line.is_good and not in_sandbox:
        raise CallRefused(
            "Line conditions exist in the sandbox exchange only: choose a scenario with a good line, or set "
            "KLIX_TELEPHONY=sandbox.",
            "scenario",
        )
    if side is Side.CALLER and _has_application(agent):
        if not in_sandbox:
            raise CallRefused(
                f"{agent.name} is reached by its URL, which the sandbox exchange can do and Twilio cannot: give it a "
                "phone number, or set KLIX_TELEPHONY=sandbox.",
                "agent",
            )
        _auth_token(agent)


def extension_of(call: Call, side: Side) -> dict[str, str]:
    """The sandbox's parameters of a call whose placed leg plays `side`. Raises CallRefused."""
    parameters: dict[str, str] = {}
    line = _line(call.scenario_snapshot.get("line", {}))
    if not line.is_good:
        parameters |= {"SandboxLine": json.dumps(line.as_json()), "SandboxSide": side.value}
    if side is Side.CALLER and _has_application(call.agent):
        parameters |= _application(call.agent)
    return parameters


def _has_application(agent: Agent) -> bool:
    return agent.kind == Agent.Kind.EXTERNAL and agent.address_kind != Agent.Address.NUMBER


def _application(agent: Agent) -> dict[str, str]:
    token = _auth_token(agent)
    parameters = {"SandboxAuthToken": token} if token else {}
    if token and agent.account_sid:
        parameters["SandboxAccountSid"] = agent.account_sid
    if agent.address_kind == Agent.Address.VOICE_URL:
        return parameters | {"SandboxVoiceUrl": agent.address}
    try:
        return parameters | {"SandboxVoiceTwiml": twiml.connect_stream(agent.address, agent.stream_parameters)}
    except twiml.TwimlError as error:
        raise CallRefused(f"{agent.name}'s media stream: {error.message}", "agent") from error


def _auth_token(agent: Agent) -> str:
    name = agent.auth_token_env
    token = os.environ.get(name, "").strip() if name else ""
    if name and not token:
        raise CallRefused(f"{agent.name} is signed for with {name}, which is not set: set it in .env.", "agent")
    return token


def _line(line: object) -> LineSpec:
    try:
        return parse_line(line)
    except LineError as error:
        raise CallRefused(f"The scenario's line conditions cannot be used: {error}", "scenario") from error
