"""Calls with a recording of tones whose times are known, and evaluations of them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.utils import timezone

from agents.models import Agent
from agents.ports import Samples
from calls.audio import wav
from calls.models import Call, Recording, Turn
from calls.states import Side, Status
from evaluations.models import Evaluation
from evaluations.services import request_evaluation

AGENT_MS = ((500, 2000), (6000, 8000), (14000, 15000))
CALLER_MS = ((3000, 5000), (9000, 11000))


def tone(spans: tuple[tuple[int, int], ...], seconds: int = 16) -> Samples:
    samples = np.zeros(8000 * seconds, np.int16)
    for start_ms, end_ms in spans:
        at = np.arange(start_ms * 8, end_ms * 8)
        samples[at] = 8000 * np.sin(at * 0.5)
    return samples


def make_call(recordings: Path | None = None, **changes: Any) -> Call:
    now = timezone.now()
    agent, _ = Agent.objects.get_or_create(name="burger_bot")
    values = {"status": Status.COMPLETED, "answered_at": now, "ended_at": now + timedelta(seconds=16)}
    call = Call.objects.create(agent=agent, direction="outbound", **{**values, **changes})
    spoken = [(Side.AGENT, *at) for at in AGENT_MS] + [(Side.CALLER, *at) for at in CALLER_MS]
    for index, (side, start_ms, end_ms) in enumerate(sorted(spoken, key=lambda turn: turn[1])):
        Turn.objects.create(
            call=call, index=index, side=side, text=f"Words of {side}.", start_ms=start_ms, end_ms=end_ms
        )
    if recordings:
        name = f"{call.public_id}.wav"
        wav.write(recordings / name, wav.interleave(tone(CALLER_MS), tone(AGENT_MS)), 8000)
        Recording.objects.create(call=call, state=Recording.State.READY, file=name, duration_ms=16000)
    return call


def requested(call: Call) -> Evaluation:
    evaluation = request_evaluation(call)
    assert evaluation is not None
    return evaluation


def lapse(evaluation: Evaluation) -> None:
    Evaluation.objects.filter(pk=evaluation.pk).update(claimed_until=timezone.now() - timedelta(seconds=1))
