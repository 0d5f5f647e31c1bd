"""What we say on a call: stimulus → brain → sentences → Speaker, and what becomes of a reply that is cut.

asyncio only, no Django. One stimulus is answered at a time; an answer lasts until it has been played or cut.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Protocol

from agents.errors import ProviderError, TimedOut
from agents.ports import (
    Action,
    Brain,
    Dictatable,
    HangUp,
    Heard,
    Note,
    PressDigits,
    Say,
    Stimulus,
)
from calls import events
from calls.interruption import Asked, Dictated, Interrupted, after_interruption
from calls.media_session import failure, hung_up
from calls.playback import SAMPLES_PER_MS
from calls.reply import Reply, Sentence
from calls.speaker import Speaker
from calls.states import Ending, Side
from calls.turns.sentences import SentenceCutter

STIMULI = 32
# The mark of a reply's end may be lost on the way; the call goes on without it.
MARK_GRACE_MS = 2_000

Lines = asyncio.Queue[str | PressDigits | None]


class Floor(Protocol):
    """The call as the conversation sees it."""

    @property
    def now(self) -> int: ...

    @property
    def far_end_has_it(self) -> bool:
        """Whether the far end speaks, or has spoken words that are not text yet."""
        ...

    def new_turn(self) -> int: ...

    def emit(self, event: events.CallEvent) -> None: ...

    def end(self, ending: Ending, detail: str = "") -> None: ...


class Conversation:
    """One party's part of a call. `stimulate`, `interrupt` and `tick` are on the audio path and do not wait."""

    def __init__(
        self,
        side: Side,
        brains: list[Brain],
        speaker: Speaker,
        floor: Floor,
        *,
        monotonic: Callable[[], float],
        timeout_s: float,
        apology: str,
    ) -> None:
        self._side = side
        self._brains = brains
        self._speaker = speaker
        self._floor = floor
        self._monotonic = monotonic
        self._timeout_s = timeout_s
        self._apology = apology
        self._stimuli: asyncio.Queue[tuple[Asked, float]] = asyncio.Queue(STIMULI)
        self._reply: Reply | None = None
        self._answering: asyncio.Task[None] | None = None
        self._answering_to: Stimulus | Dictated | None = None
        self._written = False
        self._is_calling = False
        self._played = asyncio.Event()
        self._interrupted: Interrupted | None = None
        self._hang_up: str | None = None
        self._asked_at = 0.0  # when what is being answered came; monotonic seconds
        self._is_leaving = False
        self._is_silent = False

    @property
    def brain(self) -> Brain:
        return self._brains[0]

    @property
    def is_idle(self) -> bool:
        """Nothing is being said or thought, and nothing waits to be answered."""
        return self._answering is None and self._stimuli.empty()

    @property
    def now_ms(self) -> int:
        return self._floor.now // SAMPLES_PER_MS

    # --- On the audio path --------------------------------------------------------------------------------------------
    def stimulate(self, stimulus: Asked) -> None:
        """Answer this. A ProviderError: a provider that the call cannot do without is dead; apologise and end it."""
        if self._is_silent:
            return
        try:
            self._stimuli.put_nowait((stimulus, self._monotonic()))
        except asyncio.QueueFull:
            self._floor.emit(events.QueueOverflowed(at_ms=self.now_ms, queue="stimuli", dropped=1))

    def dictate(self, text: str) -> None:
        """Say this in place of what we say, or are about to say."""
        self.interrupt()
        self.stimulate(Dictated(text))

    def fall_silent(self) -> None:
        """A person speaks for us: stop, and answer nothing any more."""
        self.interrupt()
        self._is_silent, self._hang_up = True, None

    def interrupt(self) -> None:
        """The far end speaks: stop at once what we say, or are about to say."""
        task, stimulus = self._answering, self._answering_to
        if task is None or stimulus is None or self._is_leaving:
            return
        reply, now = self._reply or Reply(), self._floor.now
        if reply.sentences and now >= reply.end and self._written:
            return  # it has been played; only its last mark is still on its way back
        self._interrupted = Interrupted(stimulus, reply.heard(now), reply.rest(now), self._is_calling)
        self._speaker.clear()
        self._tell_cut(reply, now)
        self._reply = self._answering = self._answering_to = None
        task.cancel()

    def tick(self) -> None:
        """The clock advanced: perhaps the reply has been played to its end."""
        reply, now, playback = self._reply, self._floor.now, self._speaker.playback
        if reply is None or not self._written or self._played.is_set() or playback.is_playing(now):
            return
        overdue = now - playback.end > MARK_GRACE_MS * SAMPLES_PER_MS
        if playback.awaits(reply.last_mark) and not overdue:
            return
        self._played.set()
        if reply.turn is not None:
            self._tell_finished(reply, reply.turn)

    def finish(self) -> None:
        """The call is over: what we were saying is cut here."""
        if self._answering is not None:
            if self._reply is not None:
                self._tell_cut(self._reply, self._floor.now)
            self._answering.cancel()

    # --- The conversation ---------------------------------------------------------------------------------------------
    async def run(self, tasks: asyncio.TaskGroup) -> None:
        """Answer one stimulus after the other until cancelled."""
        while True:
            stimulus, self._asked_at = await self._stimuli.get()
            cut, self._interrupted = self._interrupted, None
            for asked in after_interruption(cut, stimulus, self.brain):
                await self._answer_unless_cut(tasks, asked)
            if self._hang_up is not None and self.is_idle and not self._floor.far_end_has_it:
                self._floor.end(hung_up(self._side), self._hang_up)

    async def _answer_unless_cut(self, tasks: asyncio.TaskGroup, stimulus: Asked | str) -> None:
        self._reply, self._written, self._is_calling = Reply(), False, False
        self._answering_to = Heard("") if isinstance(stimulus, str | ProviderError) else stimulus
        self._played.clear()
        task = self._answering = tasks.create_task(self._answer(stimulus, self._reply))
        await asyncio.wait([task])
        if self._answering is task:
            self._answering = self._answering_to = None

    async def _answer(self, stimulus: Asked | str, reply: Reply) -> None:
        """Think, speak, and wait until it has been played. Cancelled by a barge-in."""
        try:
            if isinstance(stimulus, ProviderError):
                raise stimulus
            if isinstance(stimulus, str):
                await self._say(stimulus, reply)
            elif isinstance(stimulus, Dictated):
                await self._say_line(stimulus.text, reply)
            else:
                await self._think_and_speak(stimulus, reply)
        except ProviderError as error:
            await self._apologise(error, reply)
            return
        if reply.asked_to_hang_up:
            self._hang_up = self._hang_up or ""
        elif reply.sentences:
            self._hang_up = None  # it went on talking
        await self._until_played(reply)

    async def _say_line(self, text: str, reply: Reply) -> None:
        if isinstance(self.brain, Dictatable):
            self.brain.was_dictated(text)
        cutter = SentenceCutter()
        for sentence in [*cutter.push(text), *cutter.flush()]:
            await self._say(sentence, reply)

    async def _until_played(self, reply: Reply) -> None:
        self._written = True
        if reply.sentences or self._speaker.playback.is_playing(self._floor.now):
            self.tick()
            await self._played.wait()

    async def _think_and_speak(self, stimulus: Stimulus, reply: Reply) -> None:
        lines: Lines = asyncio.Queue(8)
        try:
            async with asyncio.TaskGroup() as pair:
                pair.create_task(self._think(stimulus, reply, lines))
                pair.create_task(self._speak(reply, lines))
        except* ProviderError as group:
            # Of the two only one fails by itself; the other one is cancelled by the group.
            failure = group.exceptions[0]
            while isinstance(failure, BaseExceptionGroup):
                failure = failure.exceptions[0]
            raise failure from None

    async def _think(self, stimulus: Stimulus, reply: Reply, lines: Lines) -> None:
        """The brain's actions in order. A brain that fails before it said anything is replaced by the next one."""
        while True:
            try:
                await self._ask(stimulus, reply, lines)
                break
            except ProviderError as error:
                if "brain_first_token_ms" in reply.latencies or len(self._brains) == 1:
                    raise
                failed = self._brains.pop(0)
                self._tell_failure("brain", error, f"went on with {self.brain.name}")
                await failed.aclose()
        await lines.put(None)

    async def _ask(self, stimulus: Stimulus, reply: Reply, lines: Lines) -> None:
        actions = self.brain.respond(stimulus)
        try:
            await self._obey(actions, reply, lines)
        finally:
            # One that is left in the middle (a cut reply) must close what it holds now, not when collected.
            if isinstance(actions, AsyncGenerator):
                await actions.aclose()

    async def _obey(self, actions: AsyncIterator[Action], reply: Reply, lines: Lines) -> None:
        cutter, began = SentenceCutter(), self._monotonic()
        limit_s: float | None = self._timeout_s
        while (action := await self._next_action(actions, limit_s)) is not None:
            # A function that is called has a time limit of its own.
            self._is_calling = isinstance(action, Note) and action.name == "tool_called"
            limit_s = None if self._is_calling else self._timeout_s
            match action:
                case Say(text):
                    reply.latencies.setdefault("brain_first_token_ms", round(1000 * (self._monotonic() - began), 1))
                    for sentence in cutter.push(text):
                        self._note_first_sentence(reply, began)
                        await lines.put(sentence)
                case PressDigits():
                    await self._put_rest(cutter, reply, lines, began)
                    await lines.put(action)
                case HangUp(reason):
                    reply.asked_to_hang_up, self._hang_up = True, reason
                case Note(name, data):
                    # What was said before a function is called is spoken while it works, and is a sentence.
                    await self._put_rest(cutter, reply, lines, began)
                    self._floor.emit(events.Noted(at_ms=self.now_ms, side=self._side, name=name, data=data))
        await self._put_rest(cutter, reply, lines, began)

    async def _put_rest(self, cutter: SentenceCutter, reply: Reply, lines: Lines, began: float) -> None:
        for sentence in cutter.flush():
            self._note_first_sentence(reply, began)
            await lines.put(sentence)

    def _note_first_sentence(self, reply: Reply, began: float) -> None:
        reply.latencies.setdefault("brain_first_sentence_ms", round(1000 * (self._monotonic() - began), 1))

    async def _next_action(self, actions: AsyncIterator[Action], limit_s: float | None) -> Action | None:
        try:
            async with asyncio.timeout(limit_s):
                return await anext(actions, None)
        except TimeoutError:
            raise TimedOut(f"The brain gave nothing within {self._timeout_s:g} s.", provider=self.brain.name) from None

    async def _speak(self, reply: Reply, lines: Lines) -> None:
        while (line := await lines.get()) is not None:
            if isinstance(line, str):
                await self._say(line, reply)
            else:
                self._floor.emit(events.DigitsPressed(at_ms=self.now_ms, side=self._side, digits=line.digits))
                self._speaker.press(line.digits)

    async def _say(self, text: str, reply: Reply) -> None:
        """One sentence; with the next voice if the present one fails before its first sound."""
        while True:
            known = len(reply.sentences)
            try:
                await self._speaker.say(text, reply, lambda sentence: self._tell_sentence(reply, sentence))
                return
            except ProviderError as error:
                failed = self._speaker.voice_name
                if len(reply.sentences) > known or not self._speaker.next_voice():
                    raise
                self._tell_failure("voice", error, f"went on with {self._speaker.voice_name} after {failed}")

    async def _apologise(self, error: ProviderError, reply: Reply) -> None:
        """The last provider of a role failed: say so if we can speak, then end the call."""
        self._is_leaving = True
        can_speak = bool(self._apology) and self._speaker.voice_name not in ("none", error.provider)
        self._tell_failure("call", error, "apologised and ended the call" if can_speak else "ended the call")
        if can_speak:
            try:
                await self._say(self._apology, reply)
            except ProviderError as second:
                self._tell_failure("voice", second, "could not apologise")
        await self._until_played(reply)
        self._floor.end(Ending.PROVIDER_FAILED, error.message)

    # --- Telling ------------------------------------------------------------------------------------------------------
    def _tell_failure(self, capability: str, error: ProviderError, outcome: str) -> None:
        self._floor.emit(failure(self.now_ms, self._side, capability, error, outcome))

    def _tell_sentence(self, reply: Reply, sentence: Sentence) -> None:
        at_ms = sentence.start // SAMPLES_PER_MS
        if reply.turn is not None:
            event = events.ReplyExtended(at_ms=at_ms, side=self._side, turn=reply.turn, text=reply.text)
            self._floor.emit(event)
            return
        reply.turn = self._floor.new_turn()
        self._note_own_time(reply)
        latencies = dict(reply.latencies)
        self._floor.emit(
            events.ReplyStarted(at_ms=at_ms, side=self._side, turn=reply.turn, text=sentence.text, latencies=latencies)
        )

    def _note_own_time(self, reply: Reply) -> None:
        """What Klix itself took from having the text of the turn to handing over the first audio."""
        waits = ("brain_first_sentence_ms", "tts_first_byte_ms")
        provided_ms = sum(reply.latencies.get(name, 0.0) for name in waits)
        total_ms = 1000 * (self._monotonic() - self._asked_at)
        reply.latencies["own_ms"] = round(max(0.0, total_ms - provided_ms), 1)

    def _tell_finished(self, reply: Reply, turn: int) -> None:
        self._floor.emit(reply.finished(turn, self._side, self.now_ms))

    def _tell_cut(self, reply: Reply, now: int) -> None:
        if reply.turn is not None:
            self._floor.emit(reply.cut(reply.turn, self._side, now))
