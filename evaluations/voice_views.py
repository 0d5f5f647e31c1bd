"""How a voice sounds: a sentence spoken by it, as the caller or the agent would speak."""

import uuid
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import aget_object_or_404
from django.views.decorators.http import require_POST

from agents.errors import ProviderError
from agents.models import Agent, AgentVersion, Persona
from agents.provider_settings import provider_options
from agents.providers.registry import make_voice
from calls.audio import wav

SENTENCE: Final = "Hello. This is how I sound on a call."


@require_POST
async def persona_voice(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    return await _spoken(await aget_object_or_404(Persona, public_id=public_id))


@require_POST
async def agent_voice(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Of its current version."""
    agent = await aget_object_or_404(Agent, public_id=public_id)
    version = await AgentVersion.objects.filter(agent=agent).order_by("-number").afirst()
    if version is None:
        raise Http404("This agent has no version yet.")
    return await _spoken(version)


async def _spoken(speaker: Persona | AgentVersion) -> HttpResponse:
    """A WAV file; 502 with a sentence where the provider fails."""
    name = speaker.voice or settings.DEFAULT_VOICE
    try:
        options = await sync_to_async(provider_options)("voice", name, speaker.voice_options)
        voice = await sync_to_async(make_voice)(name, language=speaker.language, options=options)
        body = await _wav(voice)
    except ProviderError as error:
        return HttpResponse(f"The voice could not be heard: {error.message}", status=502, content_type="text/plain")
    return HttpResponse(body, content_type="audio/wav", headers={"Cache-Control": "no-store"})


async def _wav(voice: Any) -> bytes:
    rate_hz, samples = 0, b""
    async for piece in voice.synthesize(SENTENCE):
        rate_hz = piece.sample_rate_hz
        samples += piece.samples.astype("<i2").tobytes()
    return wav.header(len(samples) // 2, channels=1, sample_rate_hz=rate_hz) + samples
