"""A leg's party: the ears, brain and voice that its agent version, or its persona and scenario, name."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from django.conf import settings

from agents.errors import ProviderError
from agents.models import AgentVersion, Persona
from agents.ports import Brain, OnUsage, SpeechToSpeech, SpeechToText, TextToSpeech
from agents.provider_settings import capability_of, entry_of, provider_options
from agents.providers.registry import (
    VOICES,
    BrainSetup,
    EarsSetup,
    VoiceSetup,
    make_activity,
    make_brain,
    make_ears,
    make_speech_brain,
    speaks_for_itself,
)
from agents.vocabulary import keywords
from calls.media_session import MediaSession, SessionConfig, Sink
from calls.models import Call, Leg
from calls.person import SilentBrain
from calls.session import CallSession, Providers
from calls.speech_session import SpeechProviders, SpeechSession
from calls.states import Side

log = logging.getLogger(__name__)
S = TypeVar("S")
P = TypeVar("P")

AGENT_APOLOGY = "I am sorry, something went wrong on our side. Please call again later. Goodbye."


@dataclass(frozen=True, slots=True)
class Party:
    providers: Providers | SpeechProviders
    config: SessionConfig

    def session(self, *, send: Callable[[str], None], sink: Sink, monotonic: Callable[[], float]) -> MediaSession:
        """The session that these providers need."""
        if isinstance(self.providers, SpeechProviders):
            return SpeechSession(self.config, self.providers, send=send, sink=sink, monotonic=monotonic)
        return CallSession(self.config, self.providers, send=send, sink=sink, monotonic=monotonic)


def party_of(leg: Leg, stream_sid: str, on_usage: OnUsage) -> Party:
    """Blocking. Raises agents.errors.Misconfigured where a provider cannot work as set."""
    call, side = leg.call, Side(leg.side)
    if is_person(leg):
        return Party(_ears_of_a_person(call, on_usage), _config(leg, stream_sid, _language(call), _words(call)))
    speaker: AgentVersion | Persona | None = call.agent_version if side is Side.AGENT else call.persona
    if speaker is None:
        raise ValueError(f"Nobody plays the {side} of call {call.public_id}.")
    maker = _Maker(call, side, speaker, on_usage)
    maker.prepare()
    return Party(maker.providers(), _config(leg, stream_sid, speaker.language, vocabulary_of(call, speaker)))


def is_person(leg: Leg) -> bool:
    """Whether somebody in a browser plays this party: a caller whom we placed and who is no persona."""
    return leg.side == Side.CALLER and leg.is_outbound and leg.call.persona_id is None


def _language(call: Call) -> str:
    return call.agent_version.language if call.agent_version else ""


def _words(call: Call) -> tuple[str, ...]:
    return vocabulary_of(call, call.agent_version) if call.agent_version else ()


def _ears_of_a_person(call: Call, on_usage: OnUsage) -> Providers:
    """What writes down both sides of a call that a person speaks on."""
    names = _with_fallback(settings.DEFAULT_EARS, {}, settings.FALLBACK_EARS)

    def ears_of(name: str, own: dict[str, Any]) -> SpeechToText:
        return make_ears(name, EarsSetup(_language(call), provider_options("ears", name, own), on_usage))

    return Providers(_made(ears_of, names), [], [SilentBrain()], make_activity())


def _config(leg: Leg, stream_sid: str, language: str, words: tuple[str, ...]) -> SessionConfig:
    side = Side(leg.side)
    return SessionConfig(
        side=side,
        call_sid=leg.call_sid or "",
        stream_sid=stream_sid,
        placed_by_us=leg.is_outbound,
        language=language,
        keywords=words,
        endpointing_ms=settings.ENDPOINTING_MS,
        barge_in_ms=settings.BARGE_IN_MS,
        max_call_ms=settings.MAX_CALL_S * 1000,
        max_silence_ms=settings.MAX_SILENCE_S * 1000,
        timeout_s=settings.PROVIDER_TIMEOUT_S,
        apology=AGENT_APOLOGY if side is Side.AGENT else "",
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Of each role: what the speaker names, then the site's fallback."""

    call: Call
    side: Side
    speaker: AgentVersion | Persona
    on_usage: OnUsage

    def providers(self) -> Providers | SpeechProviders:
        if speaks_for_itself(self.first_brain):
            return SpeechProviders(self.speech_brains(), self.working_voices(), self.working_ears(), make_activity())
        return Providers(self.ears(), self.voices(), self.brains(), make_activity())

    def prepare(self) -> None:
        """The clients of its servers, which the site's own settings may not have asked for. Done once, in this thread:
        the first answer would stop the event loop, and with it every call."""
        ears, voice = self.speaker.ears or settings.DEFAULT_EARS, self.speaker.voice or settings.DEFAULT_VOICE
        for role, name in (("brain", self.first_brain), ("ears", ears), ("voice", voice)):
            if capability_of(role, name) and (warm_up := entry_of(role, name).warm_up):
                warm_up()

    @property
    def first_brain(self) -> str:
        return "script" if plays_script(self.call, self.speaker) else self.speaker.brain

    def ears(self) -> list[SpeechToText]:
        first = self.speaker.ears or settings.DEFAULT_EARS
        names = _with_fallback(first, self.speaker.ears_options, settings.FALLBACK_EARS)
        return _made(self._ears, names)

    def _ears(self, name: str, own: dict[str, Any]) -> SpeechToText:
        return make_ears(name, EarsSetup(self.speaker.language, provider_options("ears", name, own), self.on_usage))

    def working_ears(self) -> list[SpeechToText]:
        """For a brain that hears for itself: only a person who takes over needs some."""
        with suppress(ProviderError):
            return self.ears()
        return []

    def voices(self) -> list[TextToSpeech]:
        first = self.speaker.voice or settings.DEFAULT_VOICE
        return _made(self._voice, _with_fallback(first, self.speaker.voice_options, settings.FALLBACK_VOICE))

    def working_voices(self) -> list[TextToSpeech]:
        """For a brain that speaks for itself: only its apology needs one, so a voice that is not set up is no error."""
        first = self.speaker.voice or settings.DEFAULT_VOICE
        voices: list[TextToSpeech] = []
        for name, own in _with_fallback(first, self.speaker.voice_options, settings.FALLBACK_VOICE):
            with suppress(ProviderError):
                voices.append(self._voice(name, own))
        return voices

    def _voice(self, name: str, own: dict[str, Any]) -> TextToSpeech:
        provider, _, voice = name.partition(":")
        options = provider_options("voice", name, own)
        return VOICES.get(provider).make(VoiceSetup(voice, self.speaker.language, options, self.on_usage))

    def brains(self) -> list[Brain]:
        return _made(make_brain, self._brain_setups())

    def speech_brains(self) -> list[SpeechToSpeech]:
        return _made(make_speech_brain, self._brain_setups())

    def _brain_setups(self) -> list[tuple[str, BrainSetup]]:
        """The fallback only where it is of the first one's kind: one that writes cannot go on for one that speaks."""
        setup = brain_setup(self.call, self.side, self.speaker)
        first, fallback = self.first_brain, settings.FALLBACK_BRAIN
        if fallback and speaks_for_itself(fallback) != speaks_for_itself(first):
            fallback = ""
        return [
            (name, replace(setup, options=provider_options("brain", name, own), on_usage=self.on_usage))
            for name, own in _with_fallback(first, dict(setup.options), fallback)
        ]


def _made(make: Callable[[str, S], P], wanted: list[tuple[str, S]]) -> list[P]:
    """The first must work as set; a fallback that cannot (for this language, without its key) is passed over: the call
    does not need it yet. Raises ProviderError."""
    made = [make(*wanted[0])]
    for name, setup in wanted[1:]:
        try:
            made.append(make(name, setup))
        except ProviderError as error:
            log.warning("Fallback %s is passed over on this call: %s", name, error.message)
    return made


def _with_fallback(first: str, own: dict[str, Any], fallback: str) -> list[tuple[str, dict[str, Any]]]:
    """The fallback gets none of the first one's own options: they are another provider's."""
    return [(first, own)] if fallback in ("", first) else [(first, own), (fallback, {})]


def vocabulary_of(call: Call, speaker: AgentVersion | Persona) -> tuple[str, ...]:
    """Words that this party's ears shall know: those of its own instructions, never what only the other one knows."""
    if isinstance(speaker, AgentVersion):
        return keywords(speaker.prompt)
    scenario: dict[str, Any] = call.scenario_snapshot
    known = [str(fact) for fact in scenario.get("facts", {}).values()]
    return keywords(scenario.get("goal", ""), speaker.manner, own=known)


def brain_setup(call: Call, side: Side, speaker: AgentVersion | Persona) -> BrainSetup:
    """What the brain of one side is told of its part."""
    if isinstance(speaker, AgentVersion):
        return BrainSetup(
            side=side,
            prompt=speaker.prompt,
            language=speaker.language,
            facts={"agent_name": call.agent.name},
            keywords=vocabulary_of(call, speaker),
            options=speaker.brain_options,
        )
    scenario: dict[str, Any] = call.scenario_snapshot
    facts = {"name": speaker.name, **scenario.get("facts", {})}
    if plays_script(call, speaker):
        options = {"script": scenario["script"]} if scenario.get("script") else speaker.brain_options
    else:
        options = {**speaker.brain_options, "goal": scenario.get("goal", ""), "manner": speaker.manner}
    words = vocabulary_of(call, speaker)
    return BrainSetup(side=side, language=speaker.language, facts=facts, keywords=words, options=options)


def plays_script(call: Call, speaker: AgentVersion | Persona) -> bool:
    """An exact script of the scenario is played as it is, whatever brain the persona has."""
    return speaker.brain == "script" or (isinstance(speaker, Persona) and bool(call.scenario_snapshot.get("script")))
