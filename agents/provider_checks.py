"""One real round trip through each capability that a server provides: reachable, model there, until when, how fast."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Final, cast

import numpy as np
from django.conf import settings

from agents.errors import Misconfigured, ProviderError, TimedOut, Unreachable
from agents.ports import Answered, Audio, Heard, OnUsage, ReplyEnded, Say, SpeechTranslator, Usage
from agents.prices import Prices, cost
from agents.provider_settings import CAPABILITIES, entry_of, provider_options
from agents.providers.base import retried
from agents.providers.openai_client import close_clients, limits, warm_up
from agents.providers.openai_errors import translated
from agents.providers.openai_settings import Served
from agents.providers.openai_translator import AUDIO_NAME
from agents.providers.registry import (
    BrainSetup,
    EarsSetup,
    TranslatorSetup,
    VoiceSetup,
    make_brain,
    make_ears,
    make_speech_brain,
    make_translator,
    make_voice,
)

SECOND: Final = Audio(np.zeros(8000, np.int16), 8000)
LINE: Final = "Good morning."
TIMEOUT_S: Final = 15.0
WARN_DAYS: Final = 60

Options = dict[str, Any]
RoundTrip = Callable[[Options, OnUsage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Finding:
    """`problem`: "" where the round trip worked. `asked`: False where nothing was, for it cannot work as set up.
    `reached`: whether the server answered at all. `model_known`: None where it does not list its models."""

    role: str
    provider: str
    model: str = ""
    problem: str = ""
    model_known: bool | None = None
    shutdown_date: str = ""
    took_ms: float = 0.0
    cost: Decimal | None = None
    address: str = ""
    asked: bool = True
    reached: bool = True

    def days_left(self, today: date) -> int | None:
        try:
            return (date.fromisoformat(self.shutdown_date[:10]) - today).days
        except ValueError:
            return None


# --- Round trips ------------------------------------------------------------------------------------------------------
def hear(name: str) -> RoundTrip:
    async def ask(options: Options, on_usage: OnUsage) -> None:
        await make_ears(name, EarsSetup("en", options=options, on_usage=on_usage)).transcribe(SECOND)

    return ask


def say(name: str) -> RoundTrip:
    async def ask(options: Options, on_usage: OnUsage) -> None:
        voice = make_voice(name, options=options, on_usage=on_usage)
        # Unlike any earlier line, so that it does not come from a cache.
        async for _ in voice.synthesize(f"{LINE} It is {time.strftime('%H:%M:%S')}."):
            pass
        if (close := getattr(voice, "aclose", None)) is not None:
            await close()

    return ask


def think(name: str) -> RoundTrip:
    async def ask(options: Options, on_usage: OnUsage) -> None:
        brain = make_brain(name, BrainSetup("agent", "Answer in one word.", options=options, on_usage=on_usage))
        try:
            said = [action async for action in brain.respond(Heard("Hello?")) if isinstance(action, Say)]
        finally:
            await brain.aclose()
        if not said:
            raise Misconfigured("The model answered without any text.", provider=name)

    return ask


async def talk(options: Options, on_usage: OnUsage) -> None:
    setup = BrainSetup("agent", "Say one word.", options={**options, "speaks_first": True}, on_usage=on_usage)
    brain = make_speech_brain("realtime", setup)
    try:
        await brain.open()
        brain.tell(Answered())
        async for event in brain.events():
            if isinstance(event, ReplyEnded):
                return
    finally:
        await brain.aclose()


async def translate(options: Options, on_usage: OnUsage) -> None:
    translator = make_translator("openai", TranslatorSetup(options=options, on_usage=on_usage))
    await translator.translate(LINE, "en", "de")


async def translate_speech(options: Options, on_usage: OnUsage) -> None:
    translator = make_translator(AUDIO_NAME, TranslatorSetup(options=options, on_usage=on_usage))
    await cast(SpeechTranslator, translator).translate_speech(SECOND, "en")


ROUND_TRIPS: Final[Mapping[tuple[str, str], RoundTrip]] = {
    ("ears", "openai"): hear("openai"),
    ("ears", "openai-live"): hear("openai-live"),
    ("voice", "openai"): say("openai"),
    ("voice", "openai-realtime"): say("openai-realtime"),
    ("brain", "responses"): think("responses"),
    ("brain", "chat"): think("chat"),
    ("brain", "assistants"): think("assistants"),
    ("brain", "realtime"): talk,
    ("translation", "openai"): translate,
    ("translation", "openai-audio"): translate_speech,
    ("judge", "openai"): think("chat"),
}


# --- Checking ---------------------------------------------------------------------------------------------------------
def check_all(prices: Prices, only: str = "") -> list[Finding]:
    """Blocking; one after the other. `only`: a role, or "role provider"."""
    wanted = [key for key in CAPABILITIES if only == " ".join(key) or (only in ("", key[0]) and is_used(*key))]
    if not wanted:
        known = ", ".join(" ".join(key) for key in CAPABILITIES)
        raise Misconfigured(f"There is no capability {only!r}. Known: {known}.")
    warm_up()
    return asyncio.run(_check_all(wanted, prices))


def is_used(role: str, name: str) -> bool:
    """A translation that few servers have is asked for where it is the one that translates."""
    return (role, name) != ("translation", AUDIO_NAME) or name == settings.TRANSLATOR


async def _check_all(wanted: list[tuple[str, str]], prices: Prices) -> list[Finding]:
    try:
        return [await check_one(role, name, prices) for role, name in wanted]
    finally:
        await close_clients()


async def check_one(role: str, name: str, prices: Prices) -> Finding:
    options = {"timeout_s": TIMEOUT_S, **provider_options(role, name)}
    usages: list[Usage] = []
    finding = Finding(role, name, str(options.get("model") or model_of(role, name)), address=str(options["base_url"]))
    if problem := problem_of_settings(role, name, options):
        return replace(finding, problem=problem, asked=False, reached=False)
    started = time.perf_counter()
    try:
        async with asyncio.timeout(4 * TIMEOUT_S):
            await ROUND_TRIPS[role, name](options, usages.append)
    except ProviderError as error:
        finding = replace(finding, problem=error.message, reached=not isinstance(error, Unreachable | TimedOut))
    except TimeoutError:
        finding = replace(finding, reached=False, problem=f"No answer within {4 * TIMEOUT_S:g} s.")
    finding = replace(finding, took_ms=1000 * (time.perf_counter() - started), cost=_cost(usages, prices))
    model = usages[-1].model if usages else finding.model
    finding = replace(finding, model=model)
    return await _with_model(finding, options) if finding.reached else finding


def model_of(role: str, name: str) -> str:
    """The one that is asked for unless another is set."""
    return entry_of("brain", "chat").model if role == "judge" else entry_of(role, name).model


def problem_of_settings(role: str, name: str, options: Options) -> str:
    """Why it is of no use to ask: no key, a base URL that is none, an interface that is closed there."""
    if role == "judge":
        if not settings.JUDGE_MODEL:
            return "No model is named for it, so criteria that are judged end in an error. Set KLIX_JUDGE_MODEL."
        role, name = "brain", "chat"
    setups: dict[str, Any] = {
        "ears": EarsSetup(options=options),
        "voice": VoiceSetup(options=options),
        "brain": BrainSetup("agent", options=options),
        "translation": TranslatorSetup(options=options),
    }
    try:
        if check := entry_of(role, name).check:
            check(setups[role])
    except Misconfigured as error:
        return error.message
    return ""


def _cost(usages: list[Usage], prices: Prices) -> Decimal | None:
    costs = [cost(usage, prices) for usage in usages]
    return None if not costs or None in costs else sum((each for each in costs if each is not None), Decimal(0))


async def _with_model(finding: Finding, options: Options) -> Finding:
    """What `GET /models` tells. A server that has no such list is no problem: the round trip said what matters."""
    try:
        served = Served.read(options, provider=finding.provider, capability=finding.role, model=finding.model)
        models = await retried(lambda: list_models(served), provider=finding.provider, timeout_s=TIMEOUT_S, attempts=1)
    except ProviderError:
        return finding
    if not models:
        return finding
    return replace(finding, model_known=finding.model in models, shutdown_date=models.get(finding.model) or "")


async def list_models(served: Served) -> dict[str, str | None]:
    """Name → shutdown date, of all models that the server lists."""
    with translated(served.provider):
        models: dict[str, str | None] = {}
        async with aclosing(_models(served)) as found:
            async for name, shutdown in found:
                models[name] = shutdown
        return models


async def _models(served: Served) -> Any:
    async for model in served.client().models.list(timeout=limits(served.timeout_s)):
        yield model.id, model.shutdown_date
