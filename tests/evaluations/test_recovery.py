"""The process of a call died: what was said and not transcribed by then is transcribed from the recording."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.utils import timezone

from agents.errors import Unreachable
from agents.ports import Audio
from agents.providers.scripted import ScriptedActivity, ScriptedEars
from calls import recording_files
from calls.audio import mulaw
from calls.models import Call, CallEvent, Leg, Recording, Transcription, Turn
from calls.recorder import NO_WORDS
from calls.states import Side, Status
from calls.tasks import sweep_calls
from evaluations.audibility import SAMPLE_RATE_HZ
from evaluations.models import Evaluation
from evaluations.transcribing import MAX_ATTEMPTS, transcribe
from tests.calls.exchange import scripted_agent

pytestmark = pytest.mark.django_db(transaction=True)
PAST = timedelta(minutes=1)
LENGTH_S = 12.0
# Seconds in which each side speaks. The agent greets; the caller asks and pauses; the agent answers; the caller coughs,
# goes on, and speaks still when the process dies.
CALLER = ((2.0, 3.0), (3.3, 4.0), (6.5, 6.8), (7.5, 8.5), (10.0, LENGTH_S))
AGENT = ((0.5, 1.5), (5.0, 6.0))


def sound(spoken: tuple[tuple[float, float], ...]) -> bytes:
    samples = np.zeros(round(LENGTH_S * SAMPLE_RATE_HZ))
    for start_s, end_s in spoken:
        first, last = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
        samples[first:last] = 12_000 * np.sin(2 * np.pi * 440 * np.arange(last - first) / SAMPLE_RATE_HZ)
    return mulaw.encode(samples.astype(np.int16))


@pytest.fixture
def call() -> Call:
    """Its process wrote this recording, and died."""
    version = scripted_agent()
    call = Call.objects.create(
        agent=version.agent,
        agent_version=version,
        direction="inbound",
        status=Status.IN_PROGRESS,
        answered_at=timezone.now() - PAST,
        lease_until=timezone.now() - PAST,
    )
    Leg.objects.create(
        call=call, side=Side.AGENT, is_primary=True, is_outbound=False, call_sid="CA" + "1" * 32,
        stream_started_at=timezone.now() - PAST,
    )  # fmt: skip
    raw = recording_files.raw_path(call.public_id)
    Recording.objects.create(call=call, file=raw.name)
    recording_files.append(raw, sound(CALLER), sound(AGENT))
    return call


def told(call: Call, index: int, side: str, text: str, start_ms: int, end_ms: int, **values: Any) -> Turn:
    return Turn.objects.create(call=call, index=index, side=side, text=text, start_ms=start_ms, end_ms=end_ms, **values)


def seconds(audio: Audio) -> float:
    return len(audio.samples) / audio.sample_rate_hz


def shown(call: Call) -> list[tuple[int, str, str]]:
    return list(call.turns.order_by("index").values_list("index", "side", "text"))


def test_speech_that_nobody_transcribed_becomes_turns_up_to_the_last_second(call: Call) -> None:
    told(call, 0, "agent", "Hello!", 480, 1500)
    told(call, 1, "caller", "A burger, please.", 1950, 4050)
    told(call, 2, "agent", "Anything else?", 4980, 6020)
    CallEvent.objects.create(call=call, side="caller", name=NO_WORDS, at_ms=6500, data={"end_ms": 6800})
    sweep_calls()
    ears = ScriptedEars(["And a milkshake.", "That was all, I"])
    assert transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=ears)
    assert shown(call) == [
        (0, "agent", "Hello!"),
        (1, "caller", "A burger, please."),
        (2, "agent", "Anything else?"),
        (3, "caller", "And a milkshake."),
        (4, "caller", "That was all, I"),
    ]
    last = call.turns.get(index=4)
    assert last.start_ms == pytest.approx(10_000, abs=70)
    assert last.end_ms == pytest.approx(12_000, abs=70)
    assert [seconds(audio) for audio in ears.heard] == [pytest.approx(1.3, abs=0.1), pytest.approx(2.15, abs=0.1)]


def test_a_turn_that_was_lost_in_the_middle_takes_its_place_in_the_order(call: Call) -> None:
    told(call, 0, "agent", "Hello!", 480, 1500)
    told(call, 3, "agent", "Anything else?", 4980, 6020, is_final=False)
    sweep_calls()
    ears = ScriptedEars(["A burger, please.", "Ahem.", "And a milkshake.", "That was all, I"])
    assert transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=ears)
    assert shown(call) == [
        (0, "agent", "Hello!"),
        (1, "caller", "A burger, please."),
        (2, "agent", "Anything else?"),
        (3, "caller", "Ahem."),
        (4, "caller", "And a milkshake."),
        (5, "caller", "That was all, I"),
    ]


def test_the_call_is_concluded_and_evaluated_once_its_transcript_is_whole(call: Call) -> None:
    told(call, 0, "agent", "Hello!", 480, 1500)
    assert [sweep_calls() for _ in range(2)] == [1, 0]
    call.refresh_from_db()
    assert (call.status, call.concluded_at) == (Status.COMPLETED, None)
    assert not Evaluation.objects.exists()
    assert transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=ScriptedEars(["Yes."], repeat=True))
    assert not transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=ScriptedEars(["Twice?"]))
    call.refresh_from_db()
    assert call.concluded_at is not None
    assert Evaluation.objects.get().call == call
    assert Recording.objects.get().state == Recording.State.READY


def test_ears_that_stay_away_leave_what_is_known_and_the_call_says_so(call: Call) -> None:
    told(call, 0, "agent", "Hello!", 480, 1500)
    sweep_calls()
    away = ScriptedEars([Unreachable("Away.", provider="x")], repeat=True)
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(Unreachable):
            transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=away)
    assert transcribe(call.transcription.pk, activity=ScriptedActivity(), ears=away)
    call.refresh_from_db()
    assert shown(call) == [(0, "agent", "Hello!")]
    assert call.concluded_at is not None
    assert call.error_message.endswith("what was said by then is kept. The recording could not be transcribed: Away.")


def test_a_call_whose_process_ended_it_is_not_transcribed_again(call: Call) -> None:
    Leg.objects.update(stream_ended_at=timezone.now())
    recording_files.finish(call.pk)
    sweep_calls()
    assert not Transcription.objects.exists()
    assert settings.RECORDINGS_DIR.joinpath(Recording.objects.get().file).exists()
