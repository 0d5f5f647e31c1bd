"""What a person who chooses ears, a voice or a brain should know: what it needs, its options, whether it can work."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings

from agents.errors import Misconfigured
from agents.provider_settings import capability_of, entry_of, provider_options
from agents.providers.registry import (
    BRAINS,
    EARS,
    SPEECH_BRAINS,
    VOICES,
    BrainSetup,
    EarsSetup,
    Entry,
    Option,
    VoiceSetup,
)

OFFLINE: Final = {"ears": "moonshine", "voice": "hibari:heart", "brain": "script"}
DEFAULTS: Final = {"ears": "DEFAULT_EARS", "voice": "DEFAULT_VOICE", "brain": "DEFAULT_BRAIN"}
OPENAI: Final = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class ProviderHelp:
    """`needs`: (what, its setting in the environment, its present value). `problem`: "" where it can work as set up."""

    role: str
    name: str
    label: str
    is_default: bool
    is_offline: bool
    needs: tuple[tuple[str, str, str], ...] = ()
    problem: str = ""
    instead: str = ""
    options: tuple[Option, ...] = ()


def default_of(role: str) -> str:
    name: str = getattr(settings, DEFAULTS[role])
    return name


def all_helps(role: str) -> list[ProviderHelp]:
    """Of every provider of a role, one a provider whatever voices it has."""
    entries: dict[str, list[Entry[Any, Any]]] = {
        "ears": EARS.all(),
        "voice": VOICES.all(),
        "brain": [*BRAINS.all(), *SPEECH_BRAINS.all()],
    }
    return [known for entry in entries[role] if (known := help_of(role, entry.name)) is not None]


def help_of(role: str, chosen: str, own: Mapping[str, Any] = MappingProxyType({})) -> ProviderHelp | None:
    """For a role and what was chosen for it; "": the site's default. None for a name that nobody has. `own`: the
    options that the speaker has beside the site's."""
    name = chosen or default_of(role)
    try:
        entry = entry_of(role, name)
    except Misconfigured:
        return None
    capability = capability_of(role, name)
    return ProviderHelp(
        role,
        name,
        entry.label,
        is_default=not chosen,
        is_offline=capability is None,
        needs=_needs(capability, entry.model) if capability else (),
        problem=(problem := _problem(role, name, own) if capability else ""),
        instead=OFFLINE[role] if problem else "",
        options=entry.options,
    )


def _needs(capability: str, model: str) -> tuple[tuple[str, str, str], ...]:
    served, prefix = settings.SERVED[capability], f"KLIX_{capability.upper()}"
    elsewhere = served["base_url"] != OPENAI
    key = "set" if served["api_key"] else "not set, which a server of your own may not mind" if elsewhere else "not set"
    return (
        ("Key", f"OPENAI_API_KEY or {prefix}_API_KEY", key),
        ("Model", f"{prefix}_MODEL", served["model"] or model),
        ("Server", f"OPENAI_BASE_URL or {prefix}_BASE_URL", served["base_url"]),
    )


def _problem(role: str, name: str, own: Mapping[str, Any]) -> str:
    """What the provider itself says to these settings; a server is not asked."""
    check = entry_of(role, name).check
    try:
        options = provider_options(role, name, own)
        setups: dict[str, Any] = {
            "ears": EarsSetup(options=options),
            "voice": VoiceSetup(name.partition(":")[2], options=options),
            "brain": BrainSetup("agent", options=options),
        }
        if check:
            check(setups[role])
    except Misconfigured as problem:
        return problem.message
    return ""
