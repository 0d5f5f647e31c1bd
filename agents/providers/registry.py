"""Providers by name: a module in this folder registers a factory with a decorator and is found by `pkgutil`.

    @register_ears("moonshine", label="Moonshine tiny, offline, English")
    def moonshine(setup: EarsSetup) -> SpeechToText: ...

A factory is cheap to call and is called once per call and side; a model is loaded once per process, in `warm_up` or at
first use, never on the event loop.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from agents.errors import Misconfigured
from agents.folders import Folder
from agents.ports import Brain, OnUsage, SpeechToSpeech, SpeechToText, TextToSpeech, Translator, VoiceActivity


@dataclass(frozen=True, slots=True)
class EarsSetup:
    language: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    on_usage: OnUsage | None = None


@dataclass(frozen=True, slots=True)
class VoiceSetup:
    voice: str = ""  # the part after the colon in "hibari:heart"; "" is the provider's first voice
    language: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    on_usage: OnUsage | None = None


@dataclass(frozen=True, slots=True)
class BrainSetup:
    side: str  # "agent" or "caller"
    prompt: str = ""
    language: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()  # of the call's vocabulary, for a brain that hears for itself
    options: Mapping[str, Any] = field(default_factory=dict)
    on_usage: OnUsage | None = None


@dataclass(frozen=True, slots=True)
class TranslatorSetup:
    options: Mapping[str, Any] = field(default_factory=dict)
    on_usage: OnUsage | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """What an agent may set of a provider. `meaning` and `default` are for a person to read."""

    name: str
    meaning: str
    default: str = ""  # "": unset


Setup = TypeVar("Setup")
Port = TypeVar("Port")


@dataclass(frozen=True, slots=True)
class Entry(Generic[Setup, Port]):
    name: str
    label: str
    make: Callable[[Setup], Port]
    # Loads what is slow to load, blocking; called in a thread before the first call.
    warm_up: Callable[[], None] | None = None
    # Raises Misconfigured with what to do if these options cannot work (a missing key, an invalid script).
    check: Callable[[Setup], None] | None = None
    voices: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    model: str = ""  # of a server: the one that is asked for unless another is set


class Registry(Generic[Setup, Port]):
    """Named factories of one role."""

    def __init__(self, role: str) -> None:
        self.role = role
        self._entries: dict[str, Entry[Setup, Port]] = {}

    def register(
        self,
        name: str,
        *,
        label: str,
        warm_up: Callable[[], None] | None = None,
        check: Callable[[Setup], None] | None = None,
        voices: tuple[str, ...] = (),
        options: tuple[Option, ...] = (),
        model: str = "",
    ) -> Callable[[Callable[[Setup], Port]], Callable[[Setup], Port]]:
        def add(make: Callable[[Setup], Port]) -> Callable[[Setup], Port]:
            if name in self._entries:
                raise ValueError(f"Two {self.role} providers are named {name!r}.")
            self._entries[name] = Entry(name, label, make, warm_up, check, voices, options, model)
            return make

        return add

    def get(self, name: str) -> Entry[Setup, Port]:
        _find_all()
        try:
            return self._entries[name]
        except KeyError:
            known = ", ".join(sorted(self._entries))
            raise Misconfigured(f"There is no {self.role} provider named {name!r}. Known: {known}.") from None

    def all(self) -> list[Entry[Setup, Port]]:
        _find_all()
        return [self._entries[name] for name in sorted(self._entries)]


EARS: Registry[EarsSetup, SpeechToText] = Registry("ears")
VOICES: Registry[VoiceSetup, TextToSpeech] = Registry("voice")
BRAINS: Registry[BrainSetup, Brain] = Registry("brain")
# Brains that hear and speak for themselves; a name is in this registry or in BRAINS.
SPEECH_BRAINS: Registry[BrainSetup, SpeechToSpeech] = Registry("speech-to-speech brain")
TRANSLATORS: Registry[TranslatorSetup, Translator] = Registry("translation")
ACTIVITY: Registry[None, VoiceActivity] = Registry("voice activity")

register_ears = EARS.register
register_voice = VOICES.register
register_brain = BRAINS.register
register_speech_brain = SPEECH_BRAINS.register
register_translator = TRANSLATORS.register
register_activity = ACTIVITY.register


def make_ears(name: str, setup: EarsSetup) -> SpeechToText:
    return EARS.get(name).make(setup)


def make_voice(
    name: str, *, language: str = "", options: Mapping[str, Any] | None = None, on_usage: OnUsage | None = None
) -> TextToSpeech:
    """`name` is "provider:voice"; without a colon, the provider's first voice."""
    provider, _, voice = name.partition(":")
    return VOICES.get(provider).make(VoiceSetup(voice, language, options or {}, on_usage))


def make_brain(name: str, setup: BrainSetup) -> Brain:
    return BRAINS.get(name).make(setup)


def make_speech_brain(name: str, setup: BrainSetup) -> SpeechToSpeech:
    return SPEECH_BRAINS.get(name).make(setup)


def make_translator(name: str, setup: TranslatorSetup) -> Translator:
    return TRANSLATORS.get(name).make(setup)


def speaks_for_itself(brain: str) -> bool:
    """Whether it is a speech-to-speech brain, which needs no ears and no voice."""
    return any(entry.name == brain for entry in SPEECH_BRAINS.all())


def brain_entry(name: str) -> "Entry[BrainSetup, Brain] | Entry[BrainSetup, SpeechToSpeech]":
    """Of either kind. Raises Misconfigured."""
    return SPEECH_BRAINS.get(name) if speaks_for_itself(name) else BRAINS.get(name)


def make_activity(name: str = "silero") -> VoiceActivity:
    return ACTIVITY.get(name).make(None)


_folder = Folder("agents.providers")
# Re-entrant: a module that is being found may ask for another.
_finding = threading.RLock()


def _find_all() -> None:
    """Import every module of this folder, once. Who asks meanwhile from another thread waits: a call that starts while
    the modules load must not see half of them."""
    with _finding:
        _folder.load()
