"""A call held by a brain that hears and speaks for itself, on a clock of frames fed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from agents.errors import CutShort, Overloaded, ProviderError
from agents.ports import (
    Answered,
    Attention,
    DigitPressed,
    FarSpeechStarted,
    FarSpeechStopped,
    FarTranscribed,
    HangUp,
    Note,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    Silence,
    SpeechEvent,
    Stimulus,
    TextToSpeech,
)
from agents.providers.scripted import ScriptedVoice
from calls import events
from calls.media_session import SessionConfig
from calls.speech_session import SpeechProviders, SpeechSession
from calls.states import Ending, Side
from calls.telephony import protocol
from tests.calls.line import Line, never, settle


class Brain:
    """Lets the test say what happens; keeps what it is given."""

    name = "scripted"

    def __init__(
        self, *, attention: Attention | None = None, fails: ProviderError | None = None, hangs: bool = False
    ) -> None:
        self.heard = b""
        self.told: list[Stimulus] = []
        self.truncated: list[tuple[str, int]] = []
        self.committed = 0
        self.closed = False
        self._attention = attention or Attention()
        self._fails, self._hangs = fails, hangs
        self._queue: asyncio.Queue[SpeechEvent | ProviderError] = asyncio.Queue()

    async def happen(self, *happened: SpeechEvent | ProviderError) -> None:
        for event in happened:
            self._queue.put_nowait(event)
        await settle()

    async def say(self, item: str, text: str, ms: int) -> None:
        """A whole reply at once, as servers send it: faster than it can be played."""
        await self.happen(ReplyText(item, text), ReplyAudio(item, b"\x20" * 8 * ms), ReplyEnded(item, text))

    async def open(self) -> None:
        if self._hangs:
            await never()()
        if self._fails:
            raise self._fails

    def push(self, mulaw: bytes) -> None:
        self.heard += mulaw

    def tell(self, stimulus: Stimulus) -> bool:
        self.told.append(stimulus)
        return True

    def commit(self) -> None:
        self.committed += 1

    def truncate(self, item: str, audio_end_ms: int) -> None:
        self.truncated.append((item, audio_end_ms))

    @property
    def attention(self) -> Attention:
        return self._attention

    async def events(self) -> AsyncIterator[SpeechEvent]:
        while True:
            event = await self._queue.get()
            if isinstance(event, ProviderError):
                raise event
            yield event

    async def aclose(self) -> None:
        self.closed = True


class SpeechLine(Line):
    def __init__(
        self, *brains: Brain, voices: list[TextToSpeech] | None = None, side: Side = Side.AGENT, **config: Any
    ) -> None:
        super().__init__()
        settings = SessionConfig(side=side, call_sid="CA" + "0" * 32, stream_sid="MZ1", **config)
        providers = SpeechProviders(list(brains), voices or [])
        loop = asyncio.get_event_loop()
        self.session = SpeechSession(settings, providers, send=self._on_send, sink=self.sink, monotonic=loop.time)


async def test_the_phones_audio_goes_in_and_the_replys_comes_out_as_it_is() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await line.say(200)
        await brain.say("a", "Hello there.", 400)
        await line.silence(600)
    assert brain.told == [Answered()]
    assert brain.heard == line.sink.far
    (finished,) = line.sink.of(events.ReplyFinished)
    assert (finished.text, finished.turn, finished.start_ms, finished.end_ms) == ("Hello there.", 0, 200, 600)
    assert line.sink.own[8 * 200 : 8 * 600] == b"\x20" * 3200
    assert set(line.sink.own[8 * 600 :]) == {0xFF}


async def test_speech_of_the_far_end_cuts_the_reply_to_what_was_heard() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await brain.say("a", "One two three four five six.", 2000)
        await line.silence(1000)
        await brain.happen(FarSpeechStarted(900, "in"))
        await brain.happen(ReplyAudio("a", b"\x20" * 800), ReplyText("a", "late"), ReplyEnded("a", "late", cut=True))
        await line.silence(400)
    (cut,) = line.sink.of(events.ReplyCut)
    assert brain.truncated == [("a", 1000)]
    assert (line.clears, cut.end_ms) == (1, 1000)
    assert cut.text == "One two three four five six."
    assert cut.heard == "One two three"
    assert set(line.sink.own[8 * 1000 :]) == {0xFF}


async def test_text_that_comes_after_the_reply_began_keeps_the_order_of_turns() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await line.silence(1000)
        await brain.happen(FarSpeechStarted(200, "in"), FarSpeechStopped(700, "in"))
        await brain.say("a", "Coming up.", 300)
        await brain.happen(FarTranscribed("in", "Two", False), FarTranscribed("in", "Two pizzas", True))
        await line.silence(500)
    (heard,), (said,) = line.sink.of(events.TurnTranscribed), line.sink.of(events.ReplyFinished)
    assert (heard.turn, heard.text, heard.start_ms, heard.end_ms) == (0, "Two pizzas", 200, 700)
    assert said.turn == 1
    assert line.sink.of(events.PartialTranscribed)[0].text == "Two"
    assert said.latencies.keys() == {"brain_first_audio_ms"}


async def test_texts_that_come_in_another_order_go_to_their_turns() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await line.silence(3000)
        await brain.happen(FarSpeechStarted(200, "one"), FarSpeechStopped(700, "one"))
        await brain.happen(FarSpeechStarted(1500, "two"), FarSpeechStopped(2500, "two"))
        await brain.happen(FarTranscribed("two", "second", True), FarTranscribed("one", "first", True))
    assert [(e.turn, e.text) for e in line.sink.of(events.TurnTranscribed)] == [(1, "second"), (0, "first")]


async def test_an_answer_in_parts_is_one_reply_and_each_part_is_cut_by_itself() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await brain.say("a", "Let me see.", 500)
        await brain.happen(Note("tool_called", {"name": "find"}), Note("tool_answered", {"name": "find"}))
        await brain.say("b", "It is here.", 1000)
        await line.silence(700)
        await brain.happen(FarSpeechStarted(700, "in"))
    (cut,) = line.sink.of(events.ReplyCut)
    assert cut.text == "Let me see. It is here."
    assert brain.truncated == [("b", 200)]
    assert [note.name for note in line.sink.of(events.Noted)] == ["tool_called", "tool_answered"]


async def test_hanging_up_waits_until_the_goodbye_was_played() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await brain.say("a", "Goodbye.", 500)
        await brain.happen(HangUp("done"))
        await line.silence(400)
        assert not line.is_over
        await line.silence(300)
        assert await line.ended() is Ending.AGENT_HUNG_UP
    assert line.session.detail == "done"
    assert line.sink.of(events.ReplyFinished)


async def test_digits_stop_the_reply_and_reach_the_brain() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await brain.say("a", "Press one for pizza.", 2000)
        await line.silence(500)
        line.session.receive(protocol.Dtmf("1"))
        await line.silence(100)
    assert brain.told[-1] == DigitPressed("1")
    assert brain.truncated == [("a", 500)]
    assert line.sink.of(events.DigitsPressed)[0].side is Side.CALLER


async def test_a_silence_is_told_once_and_a_long_one_ends_the_call() -> None:
    brain = Brain(attention=Attention(silence_ms=1000))
    async with SpeechLine(brain, max_silence_ms=4000) as line:
        await brain.say("a", "Hello.", 200)
        await line.silence(2000)
        assert [s for s in brain.told if isinstance(s, Silence)] == [Silence(1000)]
        await line.until(lambda: line.is_over, within_ms=3000)
        assert await line.ended() is Ending.SILENCE


async def test_a_call_that_we_placed_is_greeted_by_the_one_who_picks_up() -> None:
    first, silent = Brain(), Brain()
    async with SpeechLine(first, placed_by_us=True) as line:
        await line.silence(500)
        await first.happen(FarSpeechStarted(300, "in"), FarSpeechStopped(500, "in"), FarTranscribed("in", "Hi", True))
        await line.silence(3000)
    assert first.told == []
    async with SpeechLine(silent, placed_by_us=True) as line:
        await line.silence(3000)
    assert silent.told == [Answered()]


async def test_the_far_end_hanging_up_keeps_its_last_words() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await line.say(1000)
        await brain.happen(FarSpeechStarted(100, "in"))
        line.session.receive(protocol.Stop("CA1"))
        await settle()
        assert brain.committed == 1
        await brain.happen(FarTranscribed("in", "I am in the middle of", True))
        assert await line.ended() is Ending.CALLER_HUNG_UP
    (turn,) = line.sink.of(events.TurnTranscribed)
    assert (turn.text, turn.end_ms) == ("I am in the middle of", 1000)


async def test_words_that_were_never_written_down_are_told_to_be_missing() -> None:
    brain = Brain()
    async with SpeechLine(brain) as line:
        await line.say(1000)
        await brain.happen(FarSpeechStarted(100, "in"), FarSpeechStopped(900, "in"))
        await brain.happen(Note("transcription_failed", {"item": "in"}))
    (failed,) = line.sink.of(events.ProviderFailed)
    assert failed.outcome == "the words from 0.1 to 0.9 s are in the recording only"


async def test_a_dead_brain_apologises_with_a_voice_and_ends_the_call() -> None:
    brain, voice = Brain(), ScriptedVoice()
    async with SpeechLine(brain, voices=[voice], apology="Sorry, goodbye.") as line:
        await line.silence(200)
        await brain.happen(CutShort("The connection closed.", provider="realtime"))
        await line.until(lambda: line.is_over)
        assert await line.ended() is Ending.PROVIDER_FAILED
    assert voice.spoken == ["Sorry, goodbye."]
    assert line.sink.of(events.ReplyFinished)[0].text == "Sorry, goodbye."
    assert line.sink.of(events.ProviderFailed)[0].outcome == "apologised and ended the call"


async def test_a_brain_that_never_opens_and_has_no_voice_ends_the_call_visibly() -> None:
    brain = Brain(hangs=True)
    async with SpeechLine(brain, timeout_s=0.01, apology="Sorry.") as line:
        assert await line.ended() is Ending.PROVIDER_FAILED
    assert line.sink.of(events.ProviderFailed)[0].outcome == "ended the call"


async def test_a_reply_that_stalls_is_given_up_after_its_time() -> None:
    brain = Brain()
    async with SpeechLine(brain, timeout_s=0.02) as line:
        await brain.happen(ReplyText("a", "I was"), ReplyAudio("a", b"\x20" * 800))
        assert await line.ended() is Ending.PROVIDER_FAILED
    assert "nothing within" in line.session.detail
    assert line.sink.of(events.ReplyCut)[0].text == "I was"


async def test_another_brain_goes_on_and_hears_the_turn_that_was_not_answered() -> None:
    first, second = Brain(), Brain()
    async with SpeechLine(first, second) as line:
        await line.silence(1000)
        await line.say(500)
        await first.happen(FarSpeechStarted(1000, "in"), FarSpeechStopped(1500, "in"))
        await first.happen(FarTranscribed("in", "two pizzas", True), Overloaded("Too many."))
        await line.silence(200)
        await second.happen(FarSpeechStarted(400, "other"), FarSpeechStopped(900, "other"))
        await second.happen(FarTranscribed("other", "two pizzas", True))
        await second.say("b", "Coming up.", 300)
        await line.silence(500)
    assert len(second.heard) == len(line.sink.far) - 8 * 600
    assert [e.turn for e in line.sink.of(events.TurnTranscribed)] == [0]
    assert line.sink.of(events.ReplyFinished)[0].turn == 1
    assert line.sink.of(events.ProviderFailed)[0].outcome == "went on with scripted"


async def test_a_lost_websocket_and_the_longest_duration_end_the_call() -> None:
    async with SpeechLine(Brain()) as line:
        await line.silence(100)
        line.session.end(Ending.CONNECTION_LOST)
        assert await line.ended() is Ending.CONNECTION_LOST
    async with SpeechLine(Brain(), max_call_ms=1000) as line:
        await line.until(lambda: line.is_over, within_ms=1100)
        assert await line.ended() is Ending.MAX_DURATION


async def test_all_providers_are_closed_once_the_call_is_over() -> None:
    first, second = Brain(fails=Overloaded("Too many.")), Brain()
    async with SpeechLine(first, second) as line:
        await line.silence(100)
    await line.session.aclose()
    assert first.closed
    assert second.closed
