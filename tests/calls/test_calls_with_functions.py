"""Whole calls whose brain calls functions by webhook, and calls whose provider dies in the middle."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from django.conf import LazySettings

from agents.models import AgentVersion
from agents.providers.scripted import ScriptedActivity
from calls import services
from calls.audio import mulaw
from calls.functions import called_on
from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Turn
from calls.selectors import call_for_page
from calls.session import CallSession
from calls.states import Ending
from calls.transcript import ShownTurn
from evaluations.criteria.registry import Material, get_type
from evaluations.report.page import call_report
from evaluations.report.providers import told_by_events
from evaluations.selectors import call_record
from tests.calls.exchange import Telephone, db, scripted_agent, scripted_persona
from tests.calls.line import speech
from tests.calls.served import GOODBYE, agent, events_of, held, served_by_a_double, turns_of
from tests.doubles.openai_faults import Kind
from tests.doubles.openai_script import Reply
from tests.doubles.openai_server import OpenAIDouble
from tests.served import QuietHandler, served

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # The double cuts connections in the middle: their client's sockets are closed when they are collected.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def openai(settings: LazySettings) -> Iterator[OpenAIDouble]:
    with served_by_a_double(settings) as double:
        yield double


@dataclass
class Webhook:
    """Answers each POST with what was booked; with `stalls` never, with `waits` when it is let go."""

    url: str = ""
    stalls: bool = False
    waits: bool = False
    asked: list[Any] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            hook.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            if hook.stalls:
                hook.let_go.wait(30)
                return
            if hook.waits:
                hook.let_go.wait(30)
            self.answer(200, b'{"booked": "table 7"}')

    with served(Handler) as url:
        hook.url = f"{url}/book"
        yield hook
        hook.let_go.set()


HEARS: dict[str, Any] = {"texts": ["a table please", "by the window", "thank you"]}


def booking(url: str, **more: Any) -> list[dict[str, Any]]:
    return [{"name": "book", "url": url, **more}]


def answer_to_the_model(openai: OpenAIDouble) -> str:
    """The function's result as the next request of the brain holds it."""
    messages = openai.script.requests("/chat/completions")[1].body["messages"]
    return str(next(message["content"] for message in messages if message["role"] == "tool"))


def outcome_of_tool_criterion(call: Call, **config: Any) -> str:
    kind = get_type("tool")
    assert kind is not None
    return str(kind.apply({"tool": "book", **config}, Material(call_record(call, ScriptedActivity()))).outcome)


async def test_a_function_asks_its_webhook_and_the_result_is_spoken_and_judged(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, webhook: Webhook
) -> None:
    settings.ALLOW_PRIVATE_WEBHOOKS = True
    call = await held(phone, await db(agent, "chat", voice="scripted:tone", tools=booking(webhook.url)))
    assert call.ending == Ending.AGENT_HUNG_UP
    assert webhook.asked == [{"name": "book", "arguments": {"for": 2}}]
    assert answer_to_the_model(openai) == '{"booked": "table 7"}'
    assert "It is booked." in " ".join(text for _, text in await db(turns_of, call))
    answered = (await db(events_of, call, "tool_answered"))[0]
    assert (answered["name"], answered["ok"], answered["output"]) == ("book", True, '{"booked": "table 7"}')
    (asked, ended) = await db(called_on, call)
    assert (asked.name, asked.told_arguments, asked.output, asked.ok) == ("book", "for=2", answered["output"], True)
    assert (ended.name, ended.is_shown) == ("hang_up", False)
    assert await db(outcome_of_tool_criterion, call, arguments='{"for": 2}') == "pass"
    assert await db(outcome_of_tool_criterion, call, arguments='{"for": 3}') == "fail"


async def test_a_private_address_is_not_asked_unless_the_site_allows_it(
    openai: OpenAIDouble, phone: Telephone, webhook: Webhook
) -> None:
    call = await held(phone, await db(agent, "chat", voice="scripted:tone", tools=booking(webhook.url)))
    assert webhook.asked == []
    assert "not a public one" in answer_to_the_model(openai)
    assert (await db(events_of, call, "tool_answered"))[0]["ok"] is False
    assert call.ending == Ending.AGENT_HUNG_UP


async def test_a_webhook_that_stalls_is_told_to_the_model_and_the_call_goes_on(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, webhook: Webhook
) -> None:
    """Also where the function may take longer than a provider may."""
    settings.ALLOW_PRIVATE_WEBHOOKS, settings.PROVIDER_TIMEOUT_S = True, 2.0
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900  # the calls' clock runs ahead of the server's
    webhook.stalls = True
    # Nothing is said before the function is called: the far end would answer that.
    openai.script.replies[0].text = ""
    hears = {"texts": ["a table please", "thank you"]}
    version = await db(
        agent, "chat", "scripted", "scripted:tone", tools=booking(webhook.url, timeout_s=2.4), quick=hears
    )
    call = await held(phone, version, within_s=800)
    assert len(webhook.asked) == 1
    assert answer_to_the_model(openai) == "The function gave no answer within 2.4 s."
    assert call.ending == Ending.AGENT_HUNG_UP, await db(events_of, call, "ProviderFailed")
    assert "It is booked." in " ".join(text for _, text in await db(turns_of, call))


async def test_a_caller_who_speaks_while_a_function_works_hears_its_result_in_the_next_answer(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, webhook: Webhook
) -> None:
    settings.ALLOW_PRIVATE_WEBHOOKS, webhook.waits = True, True
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900  # the calls' clock runs ahead of the server's
    version = await db(
        agent, "chat", "scripted", "scripted:tone", tools=booking(webhook.url, timeout_s=30), quick=HEARS
    )
    call = await phone.place(
        agent_version=version, persona=await db(scripted_persona, greeting="A table please.", replies=[])
    )
    await phone.until(lambda: webhook.asked and Turn.objects.filter(call=call, side="agent").exists(), within_s=300)
    session = next(each for each in live_sessions if each.config.side == "caller")
    assert isinstance(session, CallSession)
    session._speaker.play(mulaw.encode(2 * speech(900)))
    await phone.until(lambda: Turn.objects.filter(call=call, side="agent", is_final=True).exists())
    assert not await db(events_of, call, "tool_answered")
    webhook.let_go.set()
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=300)
    assert len(webhook.asked) == 1
    assert answer_to_the_model(openai) == '{"booked": "table 7"}'
    (answered,) = [told for told in await db(events_of, call, "tool_answered") if told["name"] == "book"]
    assert (answered["ok"], answered["output"]) == (True, '{"booked": "table 7"}')
    said = await db(turns_of, call)
    assert [text for side, text in said if side == "caller"] == ["a table please", "by the window"]
    assert "It is booked." in [text for side, text in said if side == "agent"], said


@pytest.mark.parametrize(
    ("brain", "answers", "told"),
    [
        ("chat", True, (True, '{"booked": "table 7"}')),
        ("realtime", True, (True, '{"booked": "table 7"}')),
        ("chat", False, (False, "The call ended before the function answered.")),
    ],
)
async def test_a_function_that_works_when_the_call_ends_is_recorded_with_what_came_of_it(
    openai: OpenAIDouble,
    phone: Telephone,
    settings: LazySettings,
    webhook: Webhook,
    brain: str,
    answers: bool,
    told: Any,
) -> None:
    settings.ALLOW_PRIVATE_WEBHOOKS, webhook.waits = True, True
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900  # the calls' clock runs ahead of the server's
    ears = "" if brain == "realtime" else "scripted"
    version = await db(agent, brain, ears, "scripted:tone", tools=booking(webhook.url, timeout_s=30), quick=HEARS)
    call = await phone.place(
        agent_version=version, persona=await db(scripted_persona, greeting="A table please.", replies=[])
    )
    await phone.until(lambda: CallEvent.objects.filter(call=call, name="tool_called").exists(), within_s=300)
    await db(services.hang_up, call)
    if answers:
        webhook.let_go.set()
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=300)
    (answered,) = await db(events_of, call, "tool_answered")
    assert (answered["ok"], answered["output"]) == told


# --- A server that dies in the middle of a call -----------------------------------------------------------------------
@contextmanager
def second_double(settings: LazySettings, *capabilities: str) -> Iterator[OpenAIDouble]:
    """Serves these capabilities, and can be stopped in the middle of a call."""
    with OpenAIDouble() as dying:
        for name in capabilities:
            settings.SERVED[name] = dict(dying.options)
        dying.script.transcripts += ["A table please."]
        dying.script.default_transcript = "Thank you."
        dying.script.replies += [Reply("For how many?"), GOODBYE]
        yield dying


ROLES = {"brain": "chat", "ears": "stt", "voice": "tts", "realtime": "realtime"}


def dying_agent(role: str) -> AgentVersion:
    voice = "openai:marin" if role == "voice" else "scripted:tone"
    if role == "realtime":
        return agent("realtime", "", voice, timeout_s=2.0)
    return agent("chat", "openai", voice, timeout_s=2.0)


@pytest.mark.parametrize("role", ROLES)
async def test_a_server_that_dies_in_mid_call_ends_it_visibly_and_loses_nothing_said(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, role: str
) -> None:
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900
    openai.script.replies.clear()
    openai.script.replies += [Reply("For how many?"), Reply("Good.")]
    with second_double(settings, ROLES[role]) as dying:
        caller = await db(scripted_persona, greeting="A table please.")
        call = await phone.place(agent_version=await db(dying_agent, role), persona=caller)
        await phone.until(lambda: Turn.objects.filter(call=call, side="agent", is_final=True).exists(), within_s=300)
    # Its port is closed now.
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=800)
    await db(call.refresh_from_db)
    said, failed = await db(turns_of, call), await db(events_of, call, "ProviderFailed")
    assert dying.script.asked
    assert call.ending == Ending.PROVIDER_FAILED, (said, failed)
    assert said[:2] == [("caller", "A table please."), ("agent", "For how many?")]
    assert [one["outcome"] for one in failed if one["capability"] == "call"] == [
        "ended the call" if role == "voice" else "apologised and ended the call"
    ]
    if role != "voice":
        assert said[-1][1].startswith("I am sorry")


@pytest.mark.parametrize("role", ["brain", "ears", "voice"])
async def test_a_fallback_goes_on_where_the_server_died(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings, role: str
) -> None:
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900
    settings.FALLBACK_EARS, settings.FALLBACK_BRAIN, settings.FALLBACK_VOICE = "scripted", "scripted", "scripted:tone"
    openai.script.replies.clear()
    openai.script.replies += [Reply("For how many?"), Reply("Good.")]
    with second_double(settings, ROLES[role]):
        caller = await db(scripted_persona, greeting="A table please.")
        call = await phone.place(agent_version=await db(dying_agent, role), persona=caller)
        await phone.until(lambda: Turn.objects.filter(call=call, side="agent", is_final=True).exists(), within_s=300)
    await phone.until(lambda: CallEvent.objects.filter(call=call, name="ProviderFailed").exists(), within_s=300)
    await phone.run(2.0)
    assert not await db(Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists)
    await db(call.refresh_from_db)
    await db(services.hang_up, call)
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists(), within_s=100)
    await db(call.refresh_from_db)
    (failed,) = [one for one in await db(events_of, call, "ProviderFailed") if one["capability"] == role]
    assert failed["outcome"].startswith("went on with scripted")
    assert call.ending != Ending.PROVIDER_FAILED
    assert (await db(turns_of, call))[:2] == [("caller", "A table please."), ("agent", "For how many?")]


# --- Translation ------------------------------------------------------------------------------------------------------
async def test_a_translation_that_stalls_never_delays_a_reply(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    """The agent's own language wins over the site's; every turn was answered though none could be translated."""
    settings.TRANSLATE_TO = "fr"
    settings.MAX_SILENCE_S = settings.MAX_CALL_S = 900
    with OpenAIDouble() as stalling:
        stalling.script.fail("/chat/completions", Kind.STALL_BEFORE)
        quick: dict[str, Any] = {"timeout_s": 0.3, "attempts": 1}
        settings.SERVED["translation"] = {**stalling.options, **quick}
        version = await db(agent, "chat", voice="scripted:tone")
        await db(lambda: type(version.agent).objects.filter(pk=version.agent_id).update(translate_to="de"))
        call = await held(phone, await db(AgentVersion.objects.select_related("agent").get, pk=version.pk))
        asked = [request.body["messages"][0]["content"] for request in stalling.script.requests("/chat/completions")]
    assert asked
    assert all("into German" in told for told in asked)
    assert call.ending == Ending.AGENT_HUNG_UP
    failed = [one for one in await db(events_of, call, "ProviderFailed") if one["capability"] == "translation"]
    assert failed
    assert {one["outcome"] for one in failed} == {"turn not translated"}


async def test_a_translation_that_was_asked_for_without_a_key_is_told_on_the_page_and_the_call_goes_on(
    phone: Telephone, settings: LazySettings
) -> None:
    settings.TRANSLATE_TO = "de"
    settings.SERVED = {**settings.SERVED, "translation": {"base_url": "https://api.openai.com/v1", "api_key": ""}}
    call = await phone.place(agent_version=await db(scripted_agent), persona=await db(scripted_persona))
    await phone.until(lambda: Turn.objects.filter(call=call, side="agent", is_final=True).exists())
    await db(services.hang_up, await db(Call.objects.get, pk=call.pk))
    await phone.until(lambda: Call.objects.filter(pk=call.pk, concluded_at__isnull=False).exists())
    (notice,) = (await db(told_by_events, call)).notices
    assert (notice.capability, notice.outcome) == ("translation", "turns are not translated")
    assert "set OPENAI_API_KEY" in notice.message


async def test_the_audio_of_a_turn_is_translated_into_english_where_the_server_can(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.TRANSLATE_TO, settings.TRANSLATOR = "en", "openai-audio"
    with OpenAIDouble() as translator:
        translator.script.translation = "A table please."
        settings.SERVED["translation"] = dict(translator.options)
        call = await held(phone, await db(agent, "chat", "scripted", "scripted:tone", language="es", quick=HEARS))
        heard = translator.script.requests("/audio/translations")
        assert not translator.script.requests("/chat/completions")
    turns = await db(lambda: list(Turn.objects.filter(call=call).exclude(text="")))
    assert {turn.translation for turn in turns} == {"A table please."}
    assert len(heard) == len(turns)
    # What the caller said is a tone here: the audio sent is that of the turn, and not of the silence beside it.
    sound = np.frombuffer(heard[0].body["file"][44:], "<i2").astype(float)
    first = turns[0]
    assert abs(len(sound) / 8 - (first.end_ms - first.start_ms) - 400) <= 400
    assert np.sqrt(np.mean(sound**2)) > 500
    assert not await db(events_of, call, "ProviderFailed")


async def test_a_server_that_cannot_translate_audio_is_told_on_the_page_and_the_chat_model_goes_on(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.TRANSLATE_TO, settings.TRANSLATOR = "en", "openai-audio"
    with OpenAIDouble() as translator:
        translator.script.translations_open = False
        translator.script.default_reply = "A table please."
        settings.SERVED["translation"] = dict(translator.options)
        call = await held(phone, await db(agent, "chat", "scripted", "scripted:tone", language="es", quick=HEARS))
        assert len(translator.script.requests("/audio/translations")) == 1
    turns = await db(lambda: list(Turn.objects.filter(call=call).exclude(text="")))
    assert {turn.translation for turn in turns} == {"A table please."}
    (notice,) = (await db(told_by_events, call)).notices
    assert (notice.capability, notice.outcome) == ("translation", "went on with the text of turns, by the chat model")
    assert "no /audio/translations" in notice.message


async def test_a_translation_stands_under_its_turn(
    openai: OpenAIDouble, phone: Telephone, settings: LazySettings
) -> None:
    settings.TRANSLATE_TO = "de"
    with OpenAIDouble() as translator:
        translator.script.default_reply = "Einen Tisch, bitte."
        settings.SERVED["translation"] = dict(translator.options)
        call = await held(phone, await db(agent, "chat", voice="scripted:tone"))
    report = await db(lambda: call_report(call_for_page(call.public_id)))
    first = report.transcript[0]
    assert isinstance(first, ShownTurn)
    assert " ".join(word.text for piece in first.pieces for word in piece.words) == "A table please."
    assert (first.translation, first.translation_language) == ("Einen Tisch, bitte.", "de")
