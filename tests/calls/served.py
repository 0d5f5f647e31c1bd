"""What whole calls through the OpenAI double share: an agent that is served, a call to its end, what became of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import LazySettings

from agents.models import AgentVersion
from agents.services import create_agent
from calls.models import Call, CallEvent, Turn
from tests.calls.exchange import AGENT, Telephone, db, scripted_persona
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

CAPABILITIES = ("stt", "stt_live", "chat", "tts", "realtime", "translation", "judge")
GOODBYE = Reply("Goodbye.", calls=(("hang_up", '{"reason": "done"}'),))


MODELS = (
    "gpt-6-luna",
    "gpt-transcribe",
    "gpt-live-transcribe",
    "gpt-4o-mini-tts",
    "gpt-realtime-2.1",
    "gpt-realtime-2.1-mini",
)


@contextmanager
def served_by_a_double(settings: LazySettings) -> Iterator[OpenAIDouble]:
    """Two caller's turns: a table, which is booked by a function, and a goodbye."""
    with OpenAIDouble() as double:
        settings.SERVED = {name: dict(double.options) for name in CAPABILITIES}
        settings.PRICES = {name: {"input": 1, "output": 1, "audio_minute": 1, "characters": 1} for name in MODELS}
        settings.PROVIDER_TIMEOUT_S = (
            30.0  # the double answers at once: only a hang takes so long, however busy the machine
        )
        double.script.transcripts += ["A table please."]
        double.script.replies += [
            Reply("Let me see.", calls=(("book", '{"for": 2}'),)),
            Reply("It is booked."),
            GOODBYE,
        ]
        double.script.default_transcript = "Thank you."
        double.script.default_reply = "Goodbye."
        yield double


def agent(
    brain: str,
    ears: str = "openai",
    voice: str = "openai:marin",
    *,
    prompt: str = "You book tables.",
    language: str = "en",
    ears_options: dict[str, Any] | None = None,
    **options: Any,
) -> AgentVersion:
    wanted = {"speaks_first": False, "tools": [{"name": "book", "answer": "ok"}], "history": "server", **options}
    version = create_agent(
        "Lucia",
        phone_number=AGENT,
        prompt=prompt,
        language=language,
        brain=brain,
        brain_options=wanted,
        ears=ears,
        ears_options={**options.get("quick", {}), **(ears_options or {})},
        voice=voice,
        voice_options=dict(options.get("quick", {})),
    ).current_version
    assert version is not None
    return version


async def held(phone: Telephone, version: AgentVersion, *, within_s: float = 60, **persona: Any) -> Call:
    """A call of a scripted persona to this agent, to its end."""
    caller = await db(scripted_persona, greeting="A table please.", **persona)
    call = await phone.place(agent_version=version, persona=caller)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=within_s)
    await db(call.refresh_from_db)
    return call


def turns_of(call: Call) -> list[tuple[str, str]]:
    return list(Turn.objects.filter(call=call).order_by("index").values_list("side", "text"))


def events_of(call: Call, name: str) -> list[dict[str, Any]]:
    return list(CallEvent.objects.filter(call=call, name=name).order_by("id").values_list("data", flat=True))
