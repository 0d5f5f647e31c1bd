"""A call of half an hour with 400 turns, word by word, as a page must bear it."""

from pathlib import Path

import numpy as np
from django.conf import settings

from agents.ports import Samples
from calls.audio import wav
from calls.models import Call, Recording, Turn
from evaluations.models import Criterion, Verdict
from tests.factories import RATE_HZ, finished_call, score

TURNS = 400
TURN_MS = 4500
SAID = (
    "I would like to change the table that I booked for Friday evening.",
    "Of course, under which name did you book it, please?",
    "Whitfield, it should be a table for four at seven thirty.",
    "Thank you, I have it here, so what may I change for you?",
    "We will be five, and we would rather sit outside if it does not rain.",
    "I can offer the terrace at eight, which is heated, or a table inside.",
    "Then the terrace, and is there a place where we could leave the car?",
)


def long_call() -> Call:
    call = finished_call(recorded=False, scored=False)
    call.turns.all().delete()
    duration_ms = TURNS * TURN_MS
    turns = Turn.objects.bulk_create(_turn(call, index) for index in range(TURNS))
    Path(settings.RECORDINGS_DIR).mkdir(parents=True, exist_ok=True)
    name = f"{call.public_id}.wav"
    channels = wav.interleave(*(_channel(side) for side in (0, 1)))
    wav.write(Path(settings.RECORDINGS_DIR) / name, channels, RATE_HZ)
    Recording.objects.create(call=call, state=Recording.State.READY, file=name, duration_ms=duration_ms)
    evaluation = score(call, turns)
    replies = evaluation.measurements.get(metric="reply_time")
    replies.occurrences = [
        {"start_ms": turn.start_ms - 900, "end_ms": turn.start_ms, "value": 0.9, "side": "agent", "note": ""}
        for turn in turns[2::2]
    ]
    replies.save()
    _more_verdicts(evaluation.verdicts.earliest("pk"), turns)
    return call


def _turn(call: Call, index: int) -> Turn:
    start_ms, text = index * TURN_MS + 900, SAID[index % len(SAID)]
    step = (TURN_MS - 1400) // len(text.split())
    words = [
        {"text": word, "start_ms": start_ms + number * step, "end_ms": start_ms + (number + 1) * step}
        for number, word in enumerate(text.split())
    ]
    side = "caller" if index % 2 else "agent"
    end_ms = start_ms + TURN_MS - 1000
    return Turn(call=call, index=index, side=side, text=text, words=words, start_ms=start_ms, end_ms=end_ms)


def _channel(side: int) -> Samples:
    """One turn's sound, at every second turn."""
    turn = np.zeros(RATE_HZ * TURN_MS // 1000, np.float32)
    speech = np.arange(RATE_HZ * (TURN_MS - 1000) // 1000)
    loudness = np.abs(np.sin(2 * np.pi * 2.7 * speech / RATE_HZ)) * 12_000
    turn[RATE_HZ * 9 // 10 : RATE_HZ * 9 // 10 + len(speech)] = loudness * np.sin(2 * np.pi * 180 * speech / RATE_HZ)
    silent = np.zeros_like(turn)
    pair = (silent, turn) if side == 0 else (turn, silent)
    return np.tile(np.concatenate(pair), TURNS // 2).astype(np.int16)


def _more_verdicts(verdict: Verdict, turns: list[Turn]) -> None:
    """Failures all over the call: so many pins and marks as the page shows at most."""
    for number in range(2):
        turn = turns[100 + 200 * number]
        quote = " ".join(turn.text.split()[:4])
        evidence = [{"turn": str(turn.public_id), "quote": quote, "start_ms": turn.start_ms, "end_ms": turn.end_ms}]
        criterion = Criterion.objects.get_or_create(name=f"Keeps to the point {number}", defaults={"kind": "judge"})[0]
        Verdict.objects.create(
            evaluation=verdict.evaluation,
            criterion=criterion,
            criterion_name=criterion.name,
            kind="judge",
            kind_version=1,
            config={},
            outcome="fail",
            reason="It wanders.",
            evidence=evidence,
            decided_by="gpt-4o-mini",
        )
