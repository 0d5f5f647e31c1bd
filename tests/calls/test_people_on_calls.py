"""A person on our end of a call: a line to say, and taking it over. On a clock of frames fed."""

import numpy as np

from agents.ports import Answered, Dictatable, FarSpeechStarted, FarSpeechStopped, HangUp, Heard, Say
from agents.providers.openai_chat import ChatBrain
from agents.providers.scripted import ScriptedActivity, ScriptedBrain, ScriptedEars, ScriptedVoice
from calls import events
from calls.audio import mulaw
from calls.media_session import SessionConfig
from calls.person import MAX_AHEAD_MS
from calls.speech_session import SpeechProviders, SpeechSession
from calls.states import Ending, Side
from tests.calls.line import Line, settle, speech
from tests.calls.test_speech_session import Brain, SpeechLine

LONG = "One two three four five six seven eight nine ten."


class ToldBrain(ScriptedBrain):
    """Keeps what was said in its name."""

    def __init__(self, *replies: str, greeting: str = "") -> None:
        super().__init__(replies, greeting=greeting)
        self.dictated: list[str] = []

    def was_dictated(self, text: str) -> None:
        self.dictated.append(text)


def loud(samples_ms: int) -> bytes:
    return mulaw.encode(speech(samples_ms))


async def speak(line: Line, ms: int) -> None:
    """A person speaks into a microphone while the call goes on."""
    for _ in range(ms // 20):
        line.session.person_says(loud(20))
        await line.frame(np.zeros(160, np.int16))


async def pause(line: Line, ms: int) -> None:
    """Nobody speaks; the microphone is open."""
    for _ in range(ms // 20):
        line.session.person_says(mulaw.encode(np.zeros(160, np.int16)))
        await line.silence(20)


def said(line: Line) -> list[tuple[str, str]]:
    """(side, text) of the turns that were told to their end."""
    kinds = (events.ReplyFinished, events.ReplyCut, events.TurnTranscribed)
    return [(event.side.value, event.text) for event in line.sink.events if isinstance(event, kinds)]


async def test_a_typed_line_is_said_in_place_of_the_reply_and_the_brain_is_told() -> None:
    brain = ToldBrain("Two burgers.", greeting=LONG)
    async with Line(brain=brain, ears=[ScriptedEars(["two burgers please"])]) as line:
        await line.silence(1000)
        line.session.dictate("We close at six.  Today at five.")
        await line.until(lambda: line.sink.of(events.ReplyFinished))
        await line.say(800)
        await line.until(lambda: len(line.sink.of(events.ReplyFinished)) == 2)
    assert said(line) == [
        ("agent", LONG),
        ("agent", "We close at six. Today at five."),
        ("caller", "two burgers please"),
        ("agent", "Two burgers."),
    ]
    assert brain.dictated == ["We close at six.  Today at five."]
    assert brain.cuts == [line.sink.of(events.ReplyCut)[0].heard]
    (note,) = line.sink.of(events.Noted)
    assert (note.name, note.data["text"]) == (events.DICTATED, "We close at six.  Today at five.")


async def test_a_typed_line_that_is_interrupted_is_cut_as_a_reply_is() -> None:
    brain = ToldBrain("All right.")
    async with Line(brain=brain, ears=[ScriptedEars(["no"])]) as line:
        await line.silence(100)
        line.session.dictate(LONG)
        await line.silence(1000)
        await line.say(600)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    (cut,) = line.sink.of(events.ReplyCut)
    assert cut.text == LONG
    assert brain.cuts == [cut.heard]
    assert brain.stimuli == [Answered(), Heard("no")]


async def test_a_brain_that_is_not_told_of_the_line_is_not_told_of_its_cut() -> None:
    brain = ScriptedBrain(["All right."])
    assert not isinstance(brain, Dictatable)
    async with Line(brain=brain, ears=[ScriptedEars(["no"])]) as line:
        await line.silence(100)
        line.session.dictate(LONG)
        await line.silence(1000)
        await line.say(600)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert brain.cuts == []


async def test_a_line_saves_a_call_that_was_about_to_hang_up() -> None:
    brain = ScriptedBrain(lambda stimulus: [Say(LONG), HangUp("done")] if stimulus == Answered() else [])
    async with Line(brain=brain) as line:
        await line.silence(1000)
        line.session.dictate("One moment please.")
        await line.until(lambda: line.sink.of(events.ReplyFinished))
        await line.silence(1000)
        assert not line.is_over


def test_brains_that_write_know_what_was_said_in_their_name() -> None:
    assert issubclass(ChatBrain, Dictatable)


async def test_a_person_who_takes_over_is_heard_written_down_and_never_spoken_over() -> None:
    brain = ScriptedBrain(["Two burgers."], greeting=LONG)
    ears = ScriptedEars(["how can I help", "two burgers please"])
    async with Line(brain=brain, ears=[ears], endpointing_ms=400) as line:
        await line.silence(1000)
        line.session.hand_over()
        line.session.hand_over()
        assert not line.is_playing
        await speak(line, 1000)
        await pause(line, 800)
        await line.say(800)
        await line.silence(1500)
    assert said(line) == [("agent", LONG), ("agent", "how can I help"), ("caller", "two burgers please")]
    (own,) = [event for event in line.sink.of(events.TurnTranscribed) if event.side is Side.AGENT]
    assert abs(own.start_ms - 1080) <= 100
    assert abs(own.end_ms - own.start_ms - 1000) <= 120
    assert [event.name for event in line.sink.of(events.Noted)] == [events.HANDED_OVER]
    assert brain.stimuli == [Answered()]
    # The recording has the person on our channel.
    assert np.abs(mulaw.decode(line.sink.own)[8 * 1300 : 8 * 1800].astype(int)).max() > 4000


async def test_a_microphone_that_runs_ahead_is_cut() -> None:
    async with Line() as line:
        await line.silence(100)
        line.session.hand_over()
        for _ in range(200):
            line.session.person_says(loud(20))
        await line.silence(20)
        ahead_ms = line._queue_end_ms - line.now_ms
    assert MAX_AHEAD_MS - 20 <= ahead_ms <= MAX_AHEAD_MS + 80


async def test_before_a_person_took_over_their_microphone_is_not_on_the_call() -> None:
    async with Line() as line:
        await line.silence(100)
        line.session.person_says(loud(500))
        await line.silence(100)
        assert not line.is_playing


# --- Where the brain speaks for itself --------------------------------------------------------------------------------
async def test_a_brain_that_speaks_for_itself_is_cut_for_a_typed_line() -> None:
    brain = Brain()
    async with SpeechLine(brain, voices=[ScriptedVoice()]) as line:
        await line.silence(200)
        await brain.say("a", "Hello there my friend.", 2000)
        await line.silence(500)
        line.session.dictate("We close at six.")
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert [(event.text, bool(event.heard)) for event in line.sink.of(events.ReplyCut)] == [
        ("Hello there my friend.", True)
    ]
    assert [event.text for event in line.sink.of(events.ReplyFinished)] == ["We close at six."]
    assert brain.truncated


async def test_a_typed_line_ends_when_the_far_end_speaks() -> None:
    brain = Brain()
    async with SpeechLine(brain, voices=[ScriptedVoice()]) as line:
        await line.silence(200)
        line.session.dictate(LONG)
        await line.silence(500)
        await brain.happen(FarSpeechStarted(600, "u"), FarSpeechStopped(700, "u"))
        assert not line.is_playing
    assert [event.text for event in line.sink.of(events.ReplyCut)] == [LONG]


async def test_without_a_voice_of_its_own_a_typed_line_is_said_to_have_failed() -> None:
    async with SpeechLine(Brain()) as line:
        await line.silence(200)
        line.session.dictate("We close at six.")
        await settle()
    (failed,) = line.sink.of(events.ProviderFailed)
    assert failed.outcome == "an operator's line was not said"
    assert not line.is_over or line.session.ending is Ending.CONNECTION_LOST


async def test_a_person_takes_over_from_a_brain_that_speaks_for_itself() -> None:
    brain = Brain()
    line = SpeechLine(brain)
    settings = SessionConfig(side=Side.AGENT, call_sid="CA1", stream_sid="MZ1")
    ears = [ScriptedEars(["I am a person", "oh good"])]
    providers = SpeechProviders([brain], [], list(ears), ScriptedActivity())
    line.session = SpeechSession(
        settings, providers, send=line._on_send, sink=line.sink, monotonic=line.session._monotonic
    )
    async with line:
        await line.silence(200)
        await brain.say("a", "Hello there my friend.", 3000)
        await line.silence(500)
        line.session.hand_over()
        assert not line.is_playing
        heard = len(brain.heard)
        await speak(line, 1000)
        await pause(line, 1000)
        await line.say(800)
        await line.silence(1500)
        assert len(brain.heard) == heard
        assert not line.is_over
    assert said(line) == [("agent", "Hello there my friend."), ("agent", "I am a person"), ("caller", "oh good")]
