"""Which options a provider gets: the site's settings for its capability, under what the agent itself sets."""

import difflib
import os
import re
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from agents.providers.registry import EARS, TRANSLATORS, VOICES, Entry, Registry, brain_entry

Options = dict[str, Any]
SITE_ONLY: Final = frozenset({"allow_private_webhooks"})
# An environment variable of another name could be any secret of the server.
KEY_NAME: Final = re.compile(r"KLIX_KEY_[A-Z0-9_]+", re.ASCII)

# (role, provider) → the capability whose settings it takes. Others work without a server.
CAPABILITIES: Final = {
    ("ears", "openai"): "stt",
    ("ears", "openai-live"): "stt_live",
    ("voice", "openai"): "tts",
    ("voice", "openai-realtime"): "realtime",
    ("brain", "responses"): "chat",
    ("brain", "chat"): "chat",
    ("brain", "assistants"): "chat",
    ("brain", "realtime"): "realtime",
    ("translation", "openai"): "translation",
    ("translation", "openai-audio"): "translation",
    ("judge", "openai"): "judge",
}


def capability_of(role: str, name: str) -> str | None:
    """`name`: "openai" or "openai:marin". None: it works without a server."""
    return CAPABILITIES.get((role, name.partition(":")[0]))


def entry_of(role: str, name: str) -> Entry[Any, Any]:
    """The registry's entry of ears, voice, brain or translation. Raises Misconfigured for a name that nobody has."""
    if role == "brain":
        return brain_entry(name)
    registries: Mapping[str, Registry[Any, Any]] = {"ears": EARS, "voice": VOICES, "translation": TRANSLATORS}
    return registries[role].get(name.partition(":")[0])


def provider_options(role: str, name: str, own: Mapping[str, Any] | None = None) -> Options:
    """For the `options` of a setup. `role`: ears, voice, brain, translation, judge. `name`: "openai" or "openai:marin".

    What an agent sets wins. But the site's key is not sent to an address that the agent chose, and what only the site
    may decide is not taken from the agent. An agent names the variable of its key (`api_key_env`).
    """
    wanted = {key: value for key, value in (own or {}).items() if key not in SITE_ONLY}
    capability = capability_of(role, name)
    if capability is None:
        return wanted
    if key := _own_key(wanted.pop("api_key_env", None)):
        wanted["api_key"] = key
    site = {key: value for key, value in settings.SERVED[capability].items() if value}
    if (wanted.get("base_url") or "").strip().rstrip("/") not in ("", site["base_url"].rstrip("/")):
        site.pop("api_key", None)
    merged = {**site, **{key: value for key, value in wanted.items() if value not in ("", None)}}
    if role == "brain":
        merged["allow_private_webhooks"] = settings.ALLOW_PRIVATE_WEBHOOKS
    return merged


def _own_key(name: object) -> str:
    return os.environ.get(name, "").strip() if isinstance(name, str) and KEY_NAME.fullmatch(name) else ""


def option_problems(role: str, name: str, own: Mapping[str, Any]) -> list[str]:
    """What is wrong with the options that an agent sets, before the provider itself is asked."""
    known = [option.name for option in entry_of(role, name).options]
    problems = [_unknown(each, known) for each in own if each not in known and each != "api_key"]
    if "api_key" in own:
        problems.append("Keys are not kept in an agent: put it into .env as KLIX_KEY_… and name that in api_key_env.")
    if (variable := own.get("api_key_env")) and "api_key_env" in known:
        if not isinstance(variable, str) or not KEY_NAME.fullmatch(variable):
            problems.append("api_key_env is the name of an environment variable, like KLIX_KEY_OLLAMA, not the key.")
        elif not _own_key(variable):
            problems.append(f"{variable} is not set: put the key into .env under this name and start Klix again.")
    return problems


def _unknown(option: str, known: list[str]) -> str:
    close = difflib.get_close_matches(option, known, 1)
    told = f"did you mean {close[0]}?" if close else f"It knows {', '.join(known)}." if known else "It knows none."
    return f"There is no option {option!r} here: {told}" if close else f"There is no option {option!r} here. {told}"
