"""System checks of the settings; `manage.py check` lists them with ids and hints.

    klix.E001  PUBLIC_BASE_URL is not a web address
    klix.E002  KLIX_TELEPHONY is neither sandbox nor twilio
    klix.E003  Twilio without its SID, token or number
    klix.E004  Twilio with an address that Twilio cannot reach safely
    klix.E005  unsigned media streams allowed in production
    klix.E006  YOUR_TWILIO_NUMBER is not in E.164 form
    klix.E007  a generated DJANGO_SECRET_KEY in production
    klix.E008  DJANGO_DEBUG in production
    klix.E009  ears, voice or brain that no provider offers
    klix.E010  a duration, limit, port or lease that cannot be
    klix.E011  an OpenAI provider without OPENAI_API_KEY
    klix.W001  SQLite in production
    klix.W002  the sandbox exchange in production

A number or flag that cannot be read at all stops every command with the name of the setting (settings.py).
"""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from math import isinf
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ValidationError
from django.db import connection

from agents.errors import Misconfigured
from agents.models import E164
from agents.providers.registry import BRAINS, EARS, VOICES, Entry

# So that the launcher can ask for these: a run by tags leaves out checks without one.
TAG: Final = "klix"
OPENAI_HOST: Final = "api.openai.com"
OPENAI_MODULES: Final = "agents.providers.openai"
# Where a zero or less would end every call at once or never.
POSITIVE: Final = {
    "MAX_CALL_S": "KLIX_MAX_CALL_S",
    "MAX_SILENCE_S": "KLIX_MAX_SILENCE_S",
    "RING_TIMEOUT_S": "KLIX_RING_TIMEOUT_S",
    "ENDPOINTING_MS": "KLIX_ENDPOINTING_MS",
    "BARGE_IN_MS": "KLIX_BARGE_IN_MS",
    "CALL_LEASE_S": "KLIX_CALL_LEASE_S",
    "EVALUATION_LEASE_S": "KLIX_EVALUATION_LEASE_S",
    "TWILIO_TIMEOUT_S": "TWILIO_TIMEOUT_S",
    "RUN_LINES": "KLIX_RUN_LINES",
    "PROVIDER_TIMEOUT_S": "KLIX_PROVIDER_TIMEOUT_S",
    "IMPORT_MAX_MB": "KLIX_IMPORT_MAX_MB",
    "IMPORT_MAX_MINUTES": "KLIX_IMPORT_MAX_MINUTES",
}
# Where 0 means that there is no limit, and less means nothing.
NOT_NEGATIVE: Final = {
    "CALLS_PER_SECOND": "KLIX_CALLS_PER_SECOND",
    "LINES": "KLIX_LINES",
    "RETENTION_DAYS": "KLIX_RETENTION_DAYS",
    "PROXIES": "KLIX_PROXIES",
}
PORTS: Final = {"PORT": "KLIX_PORT", "SANDBOX_PORT": "KLIX_SANDBOX_PORT", "REDIS_PORT": "KLIX_REDIS_PORT"}


@register(TAG)
def check_public_address(**_: Any) -> list[CheckMessage]:
    problem = address_problem(settings.PUBLIC_BASE_URL)
    if problem:
        hint = "Write scheme and host, and nothing after them, for example https://klix.example.com"
        return [Error(f"PUBLIC_BASE_URL {problem}.", hint=hint, id="klix.E001")]
    return []


def address_problem(url: str) -> str:
    """What is wrong with a base URL; "" if nothing."""
    try:
        parts = urlsplit(url)
        has_port = parts.port != 0
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("http", "https"):
        return "does not begin with http:// or https://"
    if not parts.hostname or not has_port:
        return "names no host" if not parts.hostname else "names port 0"
    if parts.username or parts.password:
        return "holds a user name or password"
    if parts.path or parts.query or parts.fragment:
        return "has something after the host"
    return ""


@register(TAG)
def check_telephony(**_: Any) -> list[CheckMessage]:
    match settings.TELEPHONY:
        case "sandbox":
            return list(_number_problem())
        case "twilio":
            return [*_missing_twilio(), *_number_problem(), *_unreachable_by_twilio()]
        case other:
            hint = "Choose sandbox (calls stay on this machine) or twilio."
            return [Error(f"KLIX_TELEPHONY is {other!r}.", hint=hint, id="klix.E002")]


def _missing_twilio() -> Iterator[CheckMessage]:
    needed = {
        "TWILIO_ACCOUNT_SID": settings.TWILIO_ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": settings.TWILIO_AUTH_TOKEN,
        "YOUR_TWILIO_NUMBER": settings.TWILIO_NUMBER,
    }
    for name, value in needed.items():
        if not value:
            hint = f"Copy it from the Twilio console into .env as {name}=…, or set KLIX_TELEPHONY=sandbox."
            yield Error(f"Calls go through Twilio, but {name} is not set.", hint=hint, id="klix.E003")


def _number_problem() -> Iterator[CheckMessage]:
    if not settings.TWILIO_NUMBER:
        return
    try:
        E164(settings.TWILIO_NUMBER)
    except ValidationError:
        hint = "Write it in E.164 form, with + and country code and without spaces: +14155550123"
        yield Error("YOUR_TWILIO_NUMBER is not a phone number in E.164 form.", hint=hint, id="klix.E006")


def _unreachable_by_twilio() -> Iterator[CheckMessage]:
    if settings.TWILIO_API_BASE_URL:
        return  # another exchange than Twilio's own; it may well be on this machine
    if not settings.PUBLIC_BASE_URL.startswith("https://"):
        hint = (
            "Twilio streams audio to wss:// only. Put a reverse proxy or a tunnel with a certificate before Klix "
            "and set PUBLIC_BASE_URL to its https:// address."
        )
        yield Error("Calls go through Twilio, but PUBLIC_BASE_URL is not https.", hint=hint, id="klix.E004")
    elif is_inside(urlsplit(settings.PUBLIC_BASE_URL).hostname or ""):
        hint = (
            "Twilio calls it from the internet: put a tunnel or a reverse proxy with a public name before Klix and set "
            "PUBLIC_BASE_URL to its https:// address."
        )
        message = "Calls go through Twilio, but PUBLIC_BASE_URL is an address inside this machine or network."
        yield Error(message, hint=hint, id="klix.E004")


def is_inside(host: str) -> bool:
    """Whether a name or an IP address cannot be reached from the internet, by what it says: no look-up."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


@register(TAG)
def check_production(**_: Any) -> list[CheckMessage]:
    return list(_production_problems(connection.vendor)) if settings.PRODUCTION else []


def _production_problems(database: str) -> Iterator[CheckMessage]:
    if settings.ALLOW_UNSIGNED_MEDIA:
        hint = "Remove KLIX_ALLOW_UNSIGNED_MEDIA: it is for test tools, and lets anyone on this machine onto calls."
        yield Error("Unsigned media streams are allowed in production.", hint=hint, id="klix.E005")
    if settings.SECRET_KEY_IS_OURS:
        hint = "Set DJANGO_SECRET_KEY to 50 random characters, the same on every machine, and keep it."
        yield Error("DJANGO_SECRET_KEY is a generated one, in production.", hint=hint, id="klix.E007")
    if settings.DEBUG:
        hint = "Remove DJANGO_DEBUG: its error pages show settings and transcripts."
        yield Error("DJANGO_DEBUG is on in production.", hint=hint, id="klix.E008")
    if database == "sqlite":
        hint = "Set DATABASE_URL=postgres://… (docs/production.md). SQLite lets one process write at a time."
        yield Warning("The database is SQLite, in production.", hint=hint, id="klix.W001")
    if settings.TELEPHONY == "sandbox":
        hint = "Set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and YOUR_TWILIO_NUMBER to reach real phones."
        yield Warning("Calls stay in the sandbox exchange, in production.", hint=hint, id="klix.W002")


@register(TAG)
def check_numbers(**_: Any) -> list[CheckMessage]:
    return [
        *(
            Error(f"{name} is {getattr(settings, key)}.", hint="It must be more than 0.", id="klix.E010")
            for key, name in POSITIVE.items()
            if not getattr(settings, key) > 0 or isinf(getattr(settings, key))  # not a number is not more than 0 either
        ),
        *(
            Error(f"{name} is {getattr(settings, key)}.", hint="It must be 0 or more.", id="klix.E010")
            for key, name in NOT_NEGATIVE.items()
            if not getattr(settings, key) >= 0 or isinf(getattr(settings, key))
        ),
        *(
            Error(f"{name} is {getattr(settings, key)}.", hint="A port is 1 to 65535.", id="klix.E010")
            for key, name in PORTS.items()
            if not 0 < getattr(settings, key) < 65536
        ),
    ]


@register(TAG)
def check_providers(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    roles: list[tuple[str, Callable[[str], Entry[Any, Any]], str]] = [
        ("KLIX_EARS", EARS.get, settings.DEFAULT_EARS),
        ("KLIX_VOICE", VOICES.get, settings.DEFAULT_VOICE),
        ("KLIX_BRAIN", BRAINS.get, settings.DEFAULT_BRAIN),
    ]
    for setting, find, chosen in roles:
        provider, _colon, voice = chosen.partition(":")
        try:
            entry = find(provider)
        except Misconfigured as error:
            found.append(Error(f"{setting} is {chosen!r}.", hint=error.message, id="klix.E009"))
            continue
        found.extend(_provider_problems(setting, entry, voice))
    return found


def _provider_problems(setting: str, entry: Entry[Any, Any], voice: str) -> Iterator[CheckMessage]:
    if voice and entry.voices and voice not in entry.voices:
        hint = f"Choose one of: {', '.join(entry.voices)}."
        yield Error(f"{setting}: {entry.name} has no voice {voice!r}.", hint=hint, id="klix.E009")
    if asks_openai(entry) and lacks_openai_key():
        hint = "Set OPENAI_API_KEY in .env, or OPENAI_BASE_URL to a server of your own that speaks OpenAI's API."
        yield Error(f"{setting} is {entry.name!r}, but OPENAI_API_KEY is not set.", hint=hint, id="klix.E011")


def asks_openai(entry: Entry[Any, Any]) -> bool:
    return entry.make.__module__.startswith(OPENAI_MODULES)


def lacks_openai_key() -> bool:
    """Whether OpenAI itself would be asked without a key; a server of one's own may need none."""
    return not settings.OPENAI_API_KEY and urlsplit(settings.OPENAI_BASE_URL).hostname == OPENAI_HOST


@register(TAG)
def check_judge(**_: Any) -> list[CheckMessage]:
    if settings.JUDGE_MODEL and lacks_openai_key():
        hint = "Set OPENAI_API_KEY in .env, or OPENAI_BASE_URL to a server of your own, or leave KLIX_JUDGE_MODEL out."
        return [Error("KLIX_JUDGE_MODEL is set, but OPENAI_API_KEY is not.", hint=hint, id="klix.E011")]
    return []
