"""Whole calls whose agent hears, thinks and speaks by a server: real exchange, real consumer, real sockets."""

import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from django.conf import LazySettings

from agents.models import AgentVersion, Persona
from agents.providers import openai_client
from agents.providers.registry import BRAINS
from calls import services
from calls.audio import mulaw
from calls.costs import call_cost
from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Turn
from calls.session import CallSession
from calls.states import Ending
from tests.calls.exchange import PERSONA, Telephone, db, scripted_agent, scripted_persona
from tests.calls.line import speech
from tests.calls.served import GOODBYE, agent, events_of, held, served_by_a_double, turns_of
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def openai(settings: LazySettings) -> Iterator[OpenAIDouble]:
    with served_by_a_double(settings) as double:
        yield double


KINDS = [
    *product(("responses", "chat", "assistants"), ("openai", "openai-live"), ("openai:marin", "openai-realtime:marin")),
    ("realtime", "", ""),
]


@pytest.mark.parametrize(("brain", "ears", "voice"), KINDS)
async def test_a_call_is_held_by_every_brain_with_every_ears_and_voice(
    openai: OpenAIDouble, phone: Telephone, brain: str, ears: str, voice: str
) -> None:
    call = await held(phone, await db(agent, brain, ears, voice))
    said = await db(turns_of, call)
    assert call.ending == Ending.AGENT_HUNG_UP, said
    assert said[0] == ("caller", "A table please.")
    spoken = " ".join(text for side, text in said if side == "agent")
    assert spoken == "Let me see. It is booked. Goodbye."
    assert [note["name"] for note in await db(events_of, call, "tool_called")] == ["book", "hang_up"]
    cost = await db(call_cost, call)
    assert {part.capability for part in cost.parts} == ({"ears", "brain"} if not ears else {"ears", "brain", "voice"})
    assert cost.total is not None
    assert cost.total > 0
    reply = await db(Turn.objects.filter(call=call, side="agent").first)
    assert reply is not None
    assert "brain_first_audio_ms" in reply.latencies or {"own_ms", "tts_first_byte_ms"} <= reply.latencies.keys()


# --- What a call must survive -----------------------------------------------------------------------------------------
PATHS = {"ears": "/transcriptions", "brain": "/chat/completions", "voice": "/audio/speech", "realtime": "/realtime"}
REFUSED = "http://127.0.0.1:9/v1"
BEFORE = (
    Kind.RATE_LIMITED,
    Kind.RATE_LIMITED_FOR_LONG,
    Kind.NO_QUOTA,
    Kind.SERVER_ERROR,
    Kind.STALL_BEFORE,
    Kind.STALL_INSIDE,
    Kind.CUT,
    Kind.BAD_JSON,
    Kind.WRONG_SCHEMA,
    Kind.REFUSAL,
)
# Speech is bytes and a transcription is no answer: neither has JSON to break or words to refuse with.
MEANINGLESS = {
    ("voice", Kind.BAD_JSON),
    ("voice", Kind.WRONG_SCHEMA),
    ("voice", Kind.REFUSAL),
    ("ears", Kind.REFUSAL),
    ("ears", Kind.STALL_INSIDE),
    ("ears", Kind.CUT),
    ("realtime", Kind.REFUSAL),
}
FAULTS = [(role, kind) for role in PATHS for kind in BEFORE if (role, kind) not in MEANINGLESS]


def failing_agent(role: str) -> AgentVersion:
    quick: dict[str, Any] = {"timeout_s": 0.4}
    if role == "realtime":
        return agent("realtime", "", "scripted:tone", quick=quick, **quick)
    # What is not to fail is scripted where it is asked before the role that fails.
    return agent("chat", "openai", "openai:marin" if role == "voice" else "scripted:tone", quick=quick, **quick)


@pytest.mark.parametrize(("role", "kind"), FAULTS)
async def test_a_dead_provider_ends_the_call_visibly_and_in_time(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, role: str, kind: Kind
) -> None:
    settings.PROVIDER_TIMEOUT_S = 2.0
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900  # the calls' clock runs ahead of the server's
    openai.script.fail(PATHS[role], kind)
    began = time.monotonic()
    call = await held(phone, await db(failing_agent, role), within_s=800)
    assert time.monotonic() - began < 30
    said = await db(turns_of, call)
    failed = await db(events_of, call, "ProviderFailed")
    assert call.ending == Ending.PROVIDER_FAILED, (said, failed)
    assert call.error_message
    ended = [failure["outcome"] for failure in failed if failure["capability"] == "call"]
    assert ended == ["ended the call" if role == "voice" else "apologised and ended the call"]
    if role == "ears":
        assert any("are in the recording only" in failure["outcome"] for failure in failed)
    elif role != "realtime":
        assert said[0] == ("caller", "A table please.")
    if role != "voice":
        assert said[-1][1].startswith("I am sorry")


@pytest.mark.parametrize("role", ["ears", "brain", "voice", "realtime"])
async def test_a_provider_that_fails_once_is_asked_again_and_the_call_goes_on(
    openai: OpenAIDouble, phone: Telephone, role: str
) -> None:
    openai.script.fail(PATHS[role], Kind.RATE_LIMITED_BRIEFLY, times=1)
    version = await db(agent, "realtime" if role == "realtime" else "chat", "openai", "openai:marin")
    call = await held(phone, version)
    assert call.ending == Ending.AGENT_HUNG_UP
    assert not await db(events_of, call, "ProviderFailed")
    assert "Overloaded" in [used["error"] for used in await db(events_of, call, "ProviderUsed")] or role == "realtime"


@pytest.mark.parametrize("role", ["ears", "brain", "voice"])
async def test_a_fallback_goes_on_in_mid_call(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, role: str
) -> None:
    settings.FALLBACK_EARS, settings.FALLBACK_BRAIN, settings.FALLBACK_VOICE = "scripted", "scripted", "scripted:tone"
    openai.script.fail(PATHS[role], Kind.NO_QUOTA)
    call = await held(phone, await db(agent, "chat", "openai", "openai:marin", max_turns=1))
    (failed,) = [f for f in await db(events_of, call, "ProviderFailed") if f["capability"] == role][:1]
    assert failed["outcome"].startswith("went on with scripted")
    assert call.ending != Ending.PROVIDER_FAILED


@pytest.mark.parametrize("brain", ["chat", "realtime"])
async def test_the_history_holds_of_a_reply_that_was_cut_what_was_heard(
    openai: OpenAIDouble, phone: Telephone, brain: str
) -> None:
    openai.script.replies.clear()
    openai.script.replies += [
        Reply("One two three four five six seven eight nine ten, and so on and on and on."),
        GOODBYE,
    ]
    version = await db(agent, brain, "openai", "scripted:tone")
    caller = await db(scripted_persona, greeting="A table please.", replies=[])
    call = await phone.place(agent_version=version, persona=caller)
    await phone.until(lambda: Turn.objects.filter(call=call, side="agent").exists())
    await phone.run(1.0)
    session = next(s for s in live_sessions if s.config.side == "caller")
    assert isinstance(session, CallSession)
    session._speaker.play(mulaw.encode(2 * speech(900)))  # a caller who talks over the agent
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=60)
    turn = await db(Turn.objects.filter(call=call, side="agent").order_by("index").first)
    assert turn is not None
    assert turn.heard
    assert turn.text.startswith(turn.heard)
    assert len(turn.heard) < len(turn.text)
    if brain == "realtime":
        (cut,) = [event for event in openai.script.received if event["type"] == "conversation.item.truncate"]
        assert abs(cut["audio_end_ms"] - (turn.end_ms - turn.start_ms)) <= 20
    else:
        last = openai.script.requests("/chat/completions")[-1].body["messages"]
        assert turn.heard in [message["content"] for message in last]


async def test_turns_are_translated_while_the_call_goes_on(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.TRANSLATE_TO = "de"
    openai.script.default_reply = "Guten Morgen."
    version = await db(agent, "realtime", "", "")
    caller = await db(scripted_persona, greeting="A table please.")
    call = await phone.place(agent_version=version, persona=caller)
    await phone.until(lambda: Turn.objects.filter(call=call, translation_language="de").exists())
    assert not await db(Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists)
    await db(call.refresh_from_db)
    await db(services.hang_up, call)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=60)


async def test_a_caller_played_by_a_model_ends_the_call_by_its_function_and_leaving_its_role_is_noted(
    openai: OpenAIDouble, phone: Telephone
) -> None:
    openai.script.replies.clear()
    openai.script.replies += [
        Reply("Hello! How can I help you today?"),
        Reply("Thanks, bye.", calls=(("hang_up", '{"reason": "goal reached"}'),)),
    ]
    caller = await db(
        lambda: Persona.objects.create(
            name="Ada",
            phone_number=PERSONA,
            brain="chat",
            ears="scripted",
            voice="scripted:tone",
            ears_options={"texts": ["hello", "yes"]},
        )
    )
    call = await phone.place(agent_version=await db(scripted_agent), persona=caller)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=60)
    await db(call.refresh_from_db)
    assert call.ending == Ending.CALLER_HUNG_UP
    notes = await db(lambda: list(CallEvent.objects.filter(call=call, name="left_role").values_list("side", "data")))
    assert notes == [("caller", {"words": "How can I help you"})]


async def test_a_whole_call_builds_no_tls_context_but_the_one_of_the_process(
    openai: OpenAIDouble, phone: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    openai_client.warm_up()
    built: list[object] = []
    make = ssl.SSLContext.__new__

    def counted(cls: type[ssl.SSLContext], *args: Any, **more: Any) -> ssl.SSLContext:
        built.append(args)
        return make(cls, *args, **more)

    monkeypatch.setattr(ssl.SSLContext, "__new__", counted)
    call = await held(phone, await db(agent, "responses", "openai-live", "openai-realtime:marin"))
    assert call.ending == Ending.AGENT_HUNG_UP
    assert built == []


async def test_the_client_of_a_server_is_prepared_in_a_thread_before_the_conversation(
    openai: OpenAIDouble, phone: Telephone, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop_s_thread, prepared = threading.current_thread(), []
    entry = replace(BRAINS.get("chat"), warm_up=lambda: prepared.append(threading.current_thread()))
    monkeypatch.setitem(BRAINS._entries, "chat", entry)
    call = await held(phone, await db(agent, "chat"))
    assert call.ending == Ending.AGENT_HUNG_UP
    assert len(prepared) == 1
    assert prepared[0] is not loop_s_thread


async def test_a_fallback_that_cannot_work_for_the_agent_does_not_stop_its_calls(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.FALLBACK_EARS = "moonshine"  # English alone
    settings.SERVED["tts"] = {"base_url": "https://api.openai.com/v1", "api_key": ""}
    settings.FALLBACK_VOICE = "openai:marin"  # no key
    call = await held(phone, await db(agent, "chat", voice="scripted:tone", language="es"))
    assert call.ending == Ending.AGENT_HUNG_UP
