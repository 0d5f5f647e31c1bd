"""How a voice sounds: a sentence spoken by it, as the caller or the agent would speak."""

import uuid
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import aget_object_or_404
from django.views.decorators.http import require_POST
from redis.exceptions import RedisError

from agents.errors import ProviderError
from agents.forms import VoiceForm
from agents.models import Agent, AgentVersion, Persona
from agents.provider_settings import provider_options
from agents.providers.registry import make_voice
from calls.audio import wav

# A provider's voice costs money.
MOST_A_MINUTE: Final = 20
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


@require_POST
async def voice_heard(request: HttpRequest) -> HttpResponse:
    """The voice that a form has chosen, before it is saved. 400 with a sentence for what cannot speak so."""
    form = VoiceForm(request.POST)
    if not await sync_to_async(form.is_valid)():
        told = " ".join(str(reason) for reasons in form.errors.values() for reason in reasons)
        return HttpResponse(f"The voice could not be heard: {told}", status=400, content_type="text/plain")
    if await _is_too_often(request.user):
        told = f"You have heard {MOST_A_MINUTE} voices within a minute. Wait a moment."
        return HttpResponse(told, status=429, content_type="text/plain", headers={"Retry-After": "60"})
    return await _spoken(AgentVersion(**form.cleaned_data))


async def _is_too_often(user: User | AnonymousUser) -> bool:
    """A minute begins with its first voice. Without the cache nothing is counted."""
    key = f"rate:voices:{user.pk}"
    try:
        await cache.aadd(key, 0, timeout=60)
        return bool(await cache.aincr(key) > MOST_A_MINUTE)
    except (RedisError, OSError, ValueError):  # ValueError: the minute ended between the two
        return False


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
