"""What the options of an agent say to an OpenAI provider: read with their types, or Misconfigured."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from agents.errors import Misconfigured

DEFAULT_BASE_URL: Final = "https://api.openai.com/v1"
OPENAI_HOST: Final = "api.openai.com"
NO_KEY: Final = "none"  # servers of one's own often want no key; the client insists on one

Options = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a capability is served."""

    base_url: str = DEFAULT_BASE_URL
    api_key: str = field(default="", repr=False)

    @property
    def secure(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""


def read_text(options: Options, name: str, default: str = "") -> str:
    """A string; blank and null count as unset."""
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise Misconfigured(f"Option {name!r} must be a string.")
    return value.strip() or default


def read_number(options: Options, name: str, default: float, *, at_least: float = 0.0) -> float:
    value = options.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value < at_least:
        raise Misconfigured(f"Option {name!r} must be a number of at least {at_least:g}.")
    return float(value)


def read_flag(options: Options, name: str, default: bool) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Misconfigured(f"Option {name!r} must be true or false.")
    return value


def read_words(options: Options, name: str) -> tuple[str, ...]:
    """A list of strings."""
    value = options.get(name)
    if value is None or value == "":
        return ()
    if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
        raise Misconfigured(f'Option {name!r} must be a list of words, like ["Margherita", "Calzone"].')
    return tuple(value)


def read_choice(options: Options, name: str, choices: tuple[str, ...]) -> str:
    """One of `choices`; the first where nothing is given."""
    value = read_text(options, name, choices[0])
    if value not in choices:
        raise Misconfigured(f"Option {name!r} must be one of: {', '.join(choices)}.")
    return value


def read_endpoint(options: Options) -> Endpoint:
    """Raises Misconfigured for a base URL that is none, and for OpenAI itself without a key."""
    base_url = read_text(options, "base_url", DEFAULT_BASE_URL).rstrip("/")
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Misconfigured("The base URL must look like http://127.0.0.1:8000/v1 or https://api.openai.com/v1.")
    api_key = read_text(options, "api_key")
    if not api_key and parts.hostname == OPENAI_HOST:
        raise Misconfigured("OpenAI needs a key: set OPENAI_API_KEY, or the base URL of a server of your own.")
    return Endpoint(base_url, api_key or NO_KEY)


def read_voice(options: Options, named: str, known: tuple[str, ...], endpoint: Endpoint) -> str:
    """The voice that a setup names, else the option `voice`, else the first known. Other servers have other voices;
    OpenAI has the known ones and those made for an account ("voice_…")."""
    voice = named or read_text(options, "voice", known[0])
    if endpoint.host == OPENAI_HOST and voice not in known and not voice.startswith("voice_"):
        raise Misconfigured(f"OpenAI has no voice {voice!r} here. Choose one of: {', '.join(known)}.")
    return voice


def language_code(language: str) -> str:
    """BCP 47 → ISO 639-1, which is what the audio interfaces take: "en-GB" → "en"."""
    return language.replace("_", "-").split("-")[0].lower()
