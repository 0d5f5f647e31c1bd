"""The voice of <Say>: a text-to-speech provider, by name."""

import asyncio
import logging

import numpy as np

from agents.errors import ProviderError
from agents.ports import Audio, Samples, TextToSpeech
from agents.providers.registry import VOICES, make_voice
from calls.sandbox.errors import CallFailed

log = logging.getLogger(__name__)


class ProviderVoice:
    """Speaks with the provider voice named by a <Say>'s `voice` ("hibari:heart"), else with the default one.

    Twilio's own voice names ("alice", "Polly.Joanna") are spoken by the default voice.
    """

    def __init__(self, default: str) -> None:
        self._default = default

    def warm_up(self) -> None:
        """Load the default voice, so that the first <Say> does not wait for it. Blocking."""
        try:
            load = VOICES.get(self._default.partition(":")[0]).warm_up
            if load is not None:
                load()
        except ProviderError as error:
            # It is not needed yet; a <Say> that needs it says so too.
            log.warning("The voice of <Say> cannot be loaded: %s", error.message)

    async def __call__(self, text: str, voice: str, language: str) -> Audio:
        try:
            name = voice if ":" in voice else self._default
            # In a thread: the first use imports every provider, and the calls' clock must not wait for that.
            speaker = await asyncio.to_thread(make_voice, name, language=language)
            return await _all_of(speaker, text)
        except ProviderError as error:
            raise CallFailed(13520, f"<Say> could not be spoken: {error.message}") from error


async def _all_of(speaker: TextToSpeech, text: str) -> Audio:
    pieces: list[Samples] = [np.zeros(0, np.int16)]
    rate_hz = 8000
    async for piece in speaker.synthesize(text):
        pieces.append(piece.samples)
        rate_hz = piece.sample_rate_hz
    return Audio(np.concatenate(pieces), rate_hz)
