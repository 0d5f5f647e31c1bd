"""A call's conversation, on a clock of frames fed."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from agents.errors import Misconfigured, Overloaded, ProviderError
from agents.ports import (
    Action,
    Answered,
    Attention,
    Audio,
    DigitPressed,
    FarSpeaking,
    HangUp,
    Heard,
    Note,
    PressDigits,
    Say,
    Silence,
    Stimulus,
)
from agents.providers.scripted import ScriptedBrain, ScriptedEars, ScriptedVoice
from calls import events
from calls.states import Ending, Side
from calls.telephony import protocol
from tests.calls.line import Line, never, settle


async def test_the_agent_greets_and_answers_what_it_hears() -> None:
    brain = ScriptedBrain(["Two burgers."], greeting="Hello there.")
    async with Line(brain=brain, ears=[ScriptedEars(["two burgers please"])]) as line:
        await line.until_quiet()
        await line.say(1000)
        await line.until(lambda: len(line.sink.of(events.ReplyFinished)) == 2)
    assert brain.stimuli == [Answered(), Heard("two burgers please")]
    turns = [(e.turn, e.text) for e in line.sink.events if isinstance(e, events.ReplyFinished | events.TurnTranscribed)]
    assert turns == [(0, "Hello there."), (1, "two burgers please"), (2, "Two burgers.")]


async def test_a_reply_starts_one_endpointing_wait_after_the_turn() -> None:
    async with Line(brain=ScriptedBrain(["Yes."]), endpointing_ms=600) as line:
        await line.say(800)
        await line.until(lambda: line.sink.of(events.ReplyStarted))
    (heard,), (reply,) = line.sink.of(events.TurnTranscribed), line.sink.of(events.ReplyStarted)
    assert 600 <= reply.at_ms - heard.end_ms <= 640
    assert abs(heard.end_ms - 800) <= 40


async def test_a_short_pause_does_not_end_the_turn() -> None:
    ears = ScriptedEars(lambda audio: f"{audio.duration_ms:.0f}")
    async with Line(brain=ScriptedBrain(["Yes."]), ears=[ears]) as line:
        await line.say(600)
        await line.silence(400)
        await line.say(600)
        await line.until(lambda: line.sink.of(events.TurnTranscribed))
    (turn,) = line.sink.of(events.TurnTranscribed)
    assert turn.end_ms >= 1580
    assert float(turn.text) >= 1600


async def test_barge_in_cuts_the_reply_within_200_ms_and_keeps_what_was_heard() -> None:
    brain = ScriptedBrain(["You are welcome."], greeting="One two three four five six seven eight nine ten.")
    async with Line(brain=brain, ears=[ScriptedEars(["stop"])]) as line:
        await line.silence(1500)
        began_ms = line.now_ms
        await line.say(600)
        (cut,) = line.sink.of(events.ReplyCut)
        assert cut.at_ms - began_ms <= 200
        assert line.clears == 1
        assert not line.is_playing
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert cut.heard
    assert cut.text.startswith(cut.heard)
    assert len(cut.heard) < len(cut.text)
    assert brain.cuts == [cut.heard]
    assert brain.stimuli[1] == Heard("stop")


async def test_the_recording_holds_of_a_cut_reply_only_what_was_played() -> None:
    brain = ScriptedBrain(greeting="A long greeting that is going to be cut in its middle.")
    async with Line(brain=brain) as line:
        await line.silence(1000)
        await line.say(1000)
        await line.silence(200)
    (cut,) = line.sink.of(events.ReplyCut)
    own = line.sink.own
    assert own[: cut.end_ms * 8].count(0xFF) < 800
    assert set(own[cut.end_ms * 8 :]) == {0xFF}


async def test_a_noise_that_cuts_the_reply_lets_it_go_on_where_it_was_cut() -> None:
    brain = ScriptedBrain(greeting="First we take the order. Then we take the name.")
    voice = ScriptedVoice()
    async with Line(brain=brain, voices=[voice], ears=[ScriptedEars([""])]) as line:
        await line.silence(1000)
        await line.say(200)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    (cut,), (rest,) = line.sink.of(events.ReplyCut), line.sink.of(events.ReplyFinished)
    assert f"{cut.heard} {rest.text}" == "First we take the order. Then we take the name."
    assert brain.stimuli == [Answered()]


async def test_a_turn_that_goes_on_before_it_was_answered_is_told_as_one() -> None:
    brain = ScriptedBrain(["never said", "Both, then."])
    async with Line(brain=brain, ears=[ScriptedEars(["two burgers", "and fries"])], voices=[ScriptedVoice()]) as line:
        await line.say(500)
        await line.until(lambda: len(brain.stimuli) == 2)
        # The reply to the first half is queued now, and not a word of it has been played.
        await line.say(500)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert brain.stimuli[-1] == Heard("two burgers and fries")
    assert brain.cuts == [""]


async def test_hanging_up_waits_until_the_goodbye_has_been_played() -> None:
    brain = ScriptedBrain([[Say("Goodbye then."), HangUp("done")]])
    async with Line(brain=brain) as line:
        await line.say(500)
        await line.until(lambda: line.is_over)
        assert await line.ended() is Ending.AGENT_HUNG_UP
    (goodbye,) = line.sink.of(events.ReplyFinished)
    assert line.now_ms >= goodbye.end_ms
    assert line.sink.events[-1] == events.StreamEnded(at_ms=line.now_ms, ending=Ending.AGENT_HUNG_UP, detail="done")


async def test_a_caller_of_ours_that_hangs_up_is_the_caller() -> None:
    async with Line(brain=ScriptedBrain([[HangUp()]]), side=Side.CALLER) as line:
        await line.say(500)
        await line.until(lambda: line.is_over)
        assert await line.ended() is Ending.CALLER_HUNG_UP


async def test_the_far_end_hanging_up_keeps_what_was_being_said() -> None:
    brain = ScriptedBrain(greeting="A greeting of many words, which nobody hears to its end.")
    async with Line(brain=brain, ears=[ScriptedEars(["I am in the middle of"])]) as line:
        await line.silence(1000)
        await line.say(900)
        line.session.receive(protocol.Stop("CA1"))
        assert await line.ended() is Ending.CALLER_HUNG_UP
    (turn,) = line.sink.of(events.TurnTranscribed)
    assert turn.text == "I am in the middle of"
    assert len(line.sink.far) == 8 * line.now_ms


async def test_a_lost_websocket_ends_the_call_as_lost() -> None:
    async with Line() as line:
        await line.silence(100)
        line.session.end(Ending.CONNECTION_LOST)
        assert await line.ended() is Ending.CONNECTION_LOST


async def test_a_silent_call_ends_by_itself() -> None:
    async with Line(max_silence_ms=5000) as line:
        await line.until(lambda: line.is_over, within_ms=6000)
        assert await line.ended() is Ending.SILENCE


async def test_a_call_ends_at_its_longest_duration() -> None:
    async with Line(max_call_ms=3000) as line:
        await line.say(2000)
        await line.until(lambda: line.is_over, within_ms=2000)
        assert await line.ended() is Ending.MAX_DURATION


async def test_a_brain_that_asked_for_it_is_told_of_a_silence_once() -> None:
    brain = ScriptedBrain(_answer({Silence: [Say("Are you there?")]}), attention=Attention(silence_ms=2000))
    async with Line(brain=brain) as line:
        await line.until(lambda: line.sink.of(events.ReplyFinished))
        silences = [s for s in brain.stimuli if isinstance(s, Silence)]
        assert len(silences) == 1
        assert silences[0].duration_ms == pytest.approx(2000, abs=20)
        await line.silence(1000)
        assert len([s for s in brain.stimuli if isinstance(s, Silence)]) == 1


async def test_a_brain_may_interrupt_the_far_end() -> None:
    brain = ScriptedBrain(
        _answer({FarSpeaking: [Say("Sorry to interrupt.", interrupts=True)]}), attention=Attention(speaking_ms=1000)
    )
    async with Line(brain=brain, side=Side.CALLER) as line:
        await line.say(2500)
        (reply,) = line.sink.of(events.ReplyStarted)
    assert reply.at_ms == pytest.approx(1000, abs=60)


async def test_digits_of_the_far_end_reach_the_brain_and_stop_the_menu() -> None:
    brain = ScriptedBrain(_answer({Answered: [Say("Press one for pizza. " * 5)], DigitPressed: [Say("Pizza.")]}))
    async with Line(brain=brain) as line:
        await line.silence(1000)
        line.session.receive(protocol.Dtmf("1"))
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert DigitPressed("1") in brain.stimuli
    assert len(line.sink.of(events.ReplyCut)) == 1
    (pressed,) = line.sink.of(events.DigitsPressed)
    assert (pressed.side, pressed.digits) == (Side.CALLER, "1")


async def test_our_digits_are_sent_as_tones() -> None:
    async with Line(brain=ScriptedBrain([[PressDigits("12#")]]), side=Side.CALLER) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.DigitsPressed))
        assert line.is_playing
        await line.until_quiet()
    assert len(line.sink.own.strip(b"\xff")) >= 8 * 400


async def test_on_a_call_that_we_placed_the_one_who_picks_up_speaks_first() -> None:
    brain = ScriptedBrain(["I would like a table."], greeting="Anybody there?")
    async with Line(brain=brain, side=Side.CALLER, placed_by_us=True, ears=[ScriptedEars(["Lucia, hello"])]) as line:
        await line.silence(500)
        await line.say(800)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert brain.stimuli == [Heard("Lucia, hello")]


async def test_on_a_call_that_we_placed_we_speak_if_nobody_does() -> None:
    brain = ScriptedBrain(greeting="Anybody there?")
    async with Line(brain=brain, side=Side.CALLER, placed_by_us=True) as line:
        await line.until(lambda: line.sink.of(events.ReplyStarted), within_ms=3000)
    assert line.sink.of(events.ReplyStarted)[0].at_ms >= 2500


async def test_a_note_of_the_brain_is_an_event_of_the_call() -> None:
    async with Line(brain=ScriptedBrain([[Note("ToolCalled", {"name": "book"})]])) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.Noted))
    assert line.sink.of(events.Noted)[0].data == {"name": "book"}


async def test_the_first_sentence_plays_while_the_next_is_written() -> None:
    brain = ScriptedBrain([[Say("First sentence. "), Say("Second sentence.")]])
    async with Line(brain=brain) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    (started,), (extended,) = line.sink.of(events.ReplyStarted), line.sink.of(events.ReplyExtended)
    assert (started.text, extended.text) == ("First sentence.", "First sentence. Second sentence.")
    (finished,) = line.sink.of(events.ReplyFinished)
    assert finished.end_ms - finished.start_ms == 60 * len("First sentence.Second sentence.")


async def test_a_dead_brain_apologises_and_ends_the_call_visibly() -> None:
    brain = ScriptedBrain([[Overloaded("Too many requests.", provider="brainy")]])
    async with Line(brain=brain, apology="Sorry, goodbye.") as line:
        await line.say(500)
        await line.until(lambda: line.is_over)
        assert await line.ended() is Ending.PROVIDER_FAILED
    assert line.sink.of(events.ReplyStarted)[0].text == "Sorry, goodbye."
    assert line.sink.of(events.ProviderFailed)[0].message == "Too many requests."


async def test_a_dead_brain_is_replaced_by_the_next_one() -> None:
    first, second = ScriptedBrain([[Overloaded("Too many.")]]), ScriptedBrain(["I am the second."])
    async with Line(brains=[first, second]) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert second.stimuli == [Heard("hello")]
    assert first.closed
    assert line.sink.of(events.ProviderFailed)[0].outcome == "went on with scripted"


async def test_a_dead_voice_is_replaced_by_the_next_one() -> None:
    class Mute(ScriptedVoice):
        def synthesize(self, text: str) -> AsyncIterator[Audio]:
            raise Misconfigured("No such voice.", provider="mute")

    async with Line(brain=ScriptedBrain(["Yes."]), voices=[Mute(), ScriptedVoice()]) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    assert line.sink.of(events.ReplyFinished)[0].text == "Yes."


async def test_ears_that_fail_once_lose_that_turn_and_the_call_goes_on() -> None:
    ears = ScriptedEars([Overloaded("Busy."), Overloaded("Busy."), "hello again"])
    async with Line(brain=ScriptedBrain(["Hi."]), ears=[ears]) as line:
        await line.say(500)
        await line.until(lambda: line.sink.of(events.ProviderFailed))
        await line.say(500)
        await line.until(lambda: line.sink.of(events.TurnTranscribed))
        assert not line.is_over


async def test_a_blocked_brain_voice_or_ear_delays_no_frame() -> None:
    gate = never()
    cases: list[dict[str, Any]] = [
        {"brain": ScriptedBrain(["x"], greeting="x", gate=gate)},
        {"brain": ScriptedBrain(greeting="x"), "voices": [ScriptedVoice(gate=gate)]},
        {"ears": [ScriptedEars(["x"], gate=gate)]},
    ]
    for blocked in cases:
        async with Line(**blocked, timeout_s=0.5) as line:
            await line.say(400)
            await line.silence(1200)
            assert line.session.now_ms == line.now_ms
            assert len(line.sink.far) >= 8 * (line.now_ms - 200)


async def test_provider_that_hangs_is_given_up_after_its_time() -> None:
    brain = ScriptedBrain(["x"], gate=never())
    async with Line(brain=brain, timeout_s=0.01) as line:
        await line.say(500)
        await line.silence(700)
        assert await line.ended() is Ending.PROVIDER_FAILED


async def test_messages_out_of_protocol_are_counted_and_never_obeyed() -> None:
    async with Line() as line:
        for _ in range(12):
            line.session.reject("not JSON")
        line.session.receive(protocol.Media(10**9, b"\xff" * 160))
        await settle()
    rejected = [(e.reason, e.count) for e in line.sink.of(events.MediaRejected)]
    assert rejected == [("not JSON", 1), ("not JSON", 10), ("timestamp too far ahead", 1)]


async def test_a_gap_in_the_timestamps_is_silence_in_the_recording() -> None:
    async with Line() as line:
        await line.say(200)
        line.now_ms += 500
        await line.say(200)
        await line.silence(20)
    assert len(line.sink.far) == 8 * line.now_ms
    assert set(line.sink.far[8 * 220 : 8 * 680]) == {0xFF}


async def test_audio_is_handed_over_only_so_far_ahead_when_paced() -> None:
    brain = ScriptedBrain(greeting="A sentence that takes some seconds to be spoken, at sixty a character.")
    async with Line(brain=brain, lead_ms=500) as line:
        await line.silence(100)
        assert line._queue_end_ms - line.now_ms <= 500 + 400
        await line.until(lambda: line.sink.of(events.ReplyFinished))
    (finished,) = line.sink.of(events.ReplyFinished)
    assert len(line.sink.own.strip(b"\xff")) == pytest.approx(8 * (finished.end_ms - finished.start_ms), abs=16)


def _answer(
    table: Mapping[type[Stimulus], list[Action | ProviderError]],
) -> Callable[[Stimulus], list[Action | ProviderError]]:
    return lambda stimulus: table.get(type(stimulus), [])
