"""Where an external agent is reached, and what is wrong with an address. The rules of docs/external-agents.md."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from agents.models import Agent

# An environment variable of another name could be any secret of the server.
TOKEN_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]*AUTH_TOKEN|AUTH_TOKEN", re.ASCII)
ACCOUNT_SID: Final = re.compile(r"AC[0-9a-f]{32}", re.ASCII)
DIGITS: Final = re.compile(r"[0-9*#w]*", re.ASCII)
MAX_PARAMETER_CHARS: Final = 500  # name and value together, as at Twilio
_SCHEMES: Final = {Agent.Address.VOICE_URL: ("http", "https"), Agent.Address.STREAM_URL: ("ws", "wss")}


def address_problems(data: Mapping[str, Any]) -> dict[str, str]:
    """Field → what is wrong with it, for an external agent. `data`: the values of its fields."""
    problems = {}
    kind = Agent.Address(data.get("address_kind") or Agent.Address.NUMBER)
    if kind is Agent.Address.NUMBER:
        if not data.get("phone_number"):
            problems["phone_number"] = "An external agent is dialled: write its number, like +14155550123."
        if data.get("address"):
            problems["address"] = "An agent that is reached by number has no address: leave it empty."
    elif problem := _url_problem(data.get("address") or "", _SCHEMES[kind], kind):
        problems["address"] = problem
    return problems | _secret_problems(data) | _parameter_problems(data, kind)


def _url_problem(url: str, schemes: tuple[str, ...], kind: "Agent.Address") -> str:
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return f"Write the whole address, beginning with {wanted}."
    if parts.username or parts.password:
        return "Leave the user name and password out of the address."
    if kind is Agent.Address.STREAM_URL and parts.query:
        return "A media stream's address takes no query: use the stream's parameters."
    return ""


def _secret_problems(data: Mapping[str, Any]) -> dict[str, str]:
    problems: dict[str, str] = {}
    name, sid = data.get("auth_token_env") or "", data.get("account_sid") or ""
    if name and not TOKEN_NAME.fullmatch(name):
        problems |= {
            "auth_token_env": "Write the NAME of the environment variable that holds the token, not the token; it ends "
            "in AUTH_TOKEN."
        }
    if sid and not ACCOUNT_SID.fullmatch(sid):
        problems["account_sid"] = "An account SID is AC and 32 hexadecimal digits."
    elif sid and not name:
        problems |= {"auth_token_env": "With an account SID, its auth token is needed: name its variable."}
    if not DIGITS.fullmatch(data.get("send_digits") or ""):
        problems["send_digits"] = "Digits are 0-9, * and #; w waits half a second."
    return problems


def _parameter_problems(data: Mapping[str, Any], kind: "Agent.Address") -> dict[str, str]:
    parameters = data.get("stream_parameters") or {}
    if parameters and kind is not Agent.Address.STREAM_URL:
        return {"stream_parameters": "Only a media stream takes parameters; a voice URL carries its own in its query."}
    for name, value in parameters.items():
        if not isinstance(value, str) or len(name) + len(value) >= MAX_PARAMETER_CHARS:
            return {"stream_parameters": f"{name}: a parameter is text, of less than {MAX_PARAMETER_CHARS} characters."}
    return {}
