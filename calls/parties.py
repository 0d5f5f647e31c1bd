"""A leg's party: the ears, brain and voice that its agent version, or its persona and scenario, name."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from agents.models import AgentVersion, Persona
from agents.providers.registry import BrainSetup, EarsSetup, make_activity, make_brain, make_ears, make_voice
from calls.models import Call, Leg
from calls.session import Providers, SessionConfig
from calls.states import Side

AGENT_APOLOGY = "I am sorry, something went wrong on our side. Please call again later. Goodbye."


@dataclass(frozen=True, slots=True)
class Party:
    providers: Providers
    config: SessionConfig


def party_of(leg: Leg, stream_sid: str) -> Party:
    """Raises agents.errors.Misconfigured where a provider cannot work as set."""
    call, side = leg.call, Side(leg.side)
    speaker: AgentVersion | Persona | None = call.agent_version if side is Side.AGENT else call.persona
    if speaker is None:
        raise ValueError(f"Nobody plays the {side} of call {call.public_id}.")
    brain = make_brain(speaker.brain, _brain_setup(call, side, speaker))
    ears = make_ears(
        speaker.ears or settings.DEFAULT_EARS, EarsSetup(language=speaker.language, options=speaker.ears_options)
    )
    voice = make_voice(
        speaker.voice or settings.DEFAULT_VOICE, language=speaker.language, options=speaker.voice_options
    )
    config = SessionConfig(
        side=side,
        call_sid=leg.call_sid or "",
        stream_sid=stream_sid,
        placed_by_us=leg.is_outbound,
        language=speaker.language,
        endpointing_ms=settings.ENDPOINTING_MS,
        barge_in_ms=settings.BARGE_IN_MS,
        max_call_ms=settings.MAX_CALL_S * 1000,
        max_silence_ms=settings.MAX_SILENCE_S * 1000,
        apology=AGENT_APOLOGY if side is Side.AGENT else "",
    )
    return Party(Providers([ears], [voice], [brain], make_activity()), config)


def _brain_setup(call: Call, side: Side, speaker: AgentVersion | Persona) -> BrainSetup:
    if isinstance(speaker, AgentVersion):
        return BrainSetup(
            side=side,
            prompt=speaker.prompt,
            language=speaker.language,
            facts={"agent_name": call.agent.name},
            options=speaker.brain_options,
        )
    scenario: dict[str, Any] = call.scenario_snapshot
    options = dict(speaker.brain_options)
    if scenario.get("script"):
        options["script"] = scenario["script"]
    return BrainSetup(
        side=side,
        prompt="\n\n".join(filter(None, (speaker.manner, scenario.get("goal", "")))),
        language=speaker.language,
        facts={"name": speaker.name, **scenario.get("facts", {})},
        options=options,
    )
