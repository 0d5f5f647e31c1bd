"""Translating each final turn while the call goes on: beside the conversation, never in its way.

One task a call takes the turns in order from a bounded queue. A translation that fails leaves the turn untranslated, is
an event of the call, and the next turn is tried again. A translator that hears (`SpeechTranslator`) gets the turn's
audio; where that fails its text is translated, which is an event too.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from asgiref.sync import sync_to_async
from django.conf import settings

from agents.errors import Misconfigured, ProviderError
from agents.ports import OnUsage, SpeechTranslator, Translator
from agents.provider_settings import provider_options
from agents.providers.registry import TRANSLATORS, TranslatorSetup
from calls import broadcast, events
from calls.models import Call, Turn
from calls.recent_audio import RecentAudio
from calls.states import Side

WAITING_TURNS = 200
# What is still to be translated when the call is over gets so long.
AFTER_CALL_S = 20.0


def wanted_language(call: Call) -> str:
    """The agent's own, else the site's; "": none."""
    return call.agent.translate_to or settings.TRANSLATE_TO


def make_translator(on_usage: OnUsage) -> Translator:
    """Raises agents.errors.Misconfigured."""
    name = settings.TRANSLATOR
    return TRANSLATORS.get(name).make(TranslatorSetup(provider_options("translation", name), on_usage))


class Translations:
    """`turn_saved` is called for every turn that was stored, and does not wait."""

    def __init__(
        self,
        translator: Translator,
        target: str,
        tell: Callable[[events.CallEvent], None],
        spoken: str = "",
        recent: RecentAudio | None = None,
    ) -> None:
        self._translator = translator
        self._target = target
        self._spoken = spoken  # the language of turns whose provider does not tell
        self._tell = tell
        self._turns: asyncio.Queue[Turn | None] = asyncio.Queue(WAITING_TURNS)
        self._done: set[int] = set()
        # None: text is all that is translated, from the start or from the first turn on at which hearing cannot work
        self._hearing: SpeechTranslator | None = None
        if hasattr(translator, "translate_speech"):
            self._hearing = cast(SpeechTranslator, translator)
        self._recent = recent

    def turn_saved(self, turn: Turn) -> None:
        if not turn.is_final or not said_in(turn) or turn.pk in self._done:
            return
        self._done.add(turn.pk)
        try:
            self._turns.put_nowait(turn)
        except asyncio.QueueFull:
            self._tell(events.QueueOverflowed(at_ms=turn.start_ms, queue="translations", dropped=1))

    async def run(self) -> None:
        """Until `close`, and until what was waiting then is translated."""
        while (turn := await self._turns.get()) is not None:
            try:
                await self._translate(turn)
            except ProviderError as error:
                self._tell(self._failure(turn, error, "turn not translated"))

    async def close(self, task: "asyncio.Task[None]") -> None:
        await self._turns.put(None)
        await asyncio.wait([task], timeout=AFTER_CALL_S)
        task.cancel()

    async def _translate(self, turn: Turn) -> None:
        source = turn.language or self._spoken
        if source and source.split("-")[0].lower() == self._target.split("-")[0].lower():
            return
        heard = await self._translate_speech(turn)
        turn.translation = heard or await self._translator.translate(said_in(turn), source, self._target)
        turn.translation_language = self._target
        await sync_to_async(_save)(turn)
        await broadcast.turn_changed(turn)

    async def _translate_speech(self, turn: Turn) -> str:
        """ "": its text is to be translated."""
        audio = self._recent.of_turn(Side(turn.side), turn.start_ms, turn.end_ms) if self._recent else None
        if self._hearing is None or audio is None:
            return ""
        try:
            return await self._hearing.translate_speech(audio, self._target)
        except Misconfigured as error:
            self._hearing = None
            self._tell(self._failure(turn, error, "went on with the text of turns, by the chat model"))
        except ProviderError as error:
            self._tell(self._failure(turn, error, "translated the turn's text instead"))
        return ""

    def _failure(self, turn: Turn, error: ProviderError, outcome: str) -> events.ProviderFailed:
        return events.ProviderFailed(
            at_ms=turn.end_ms,
            side=Side(turn.side),
            capability="translation",
            provider=error.provider,
            message=error.message,
            outcome=outcome,
        )


def said_in(turn: Turn) -> str:
    """Of a reply that was cut: what was heard."""
    return turn.text if turn.heard is None else turn.heard


def _save(turn: Turn) -> None:
    # Not the whole turn: the recorder may have written it anew in the meantime.
    Turn.objects.filter(pk=turn.pk).update(translation=turn.translation, translation_language=turn.translation_language)
