"""Calls that talk, for `live_latency`: each event enters where a call's session hands it over, the recorder.

`python -m bench._with_django _live_feed CALLS SECONDS`: prints the first call's public id, waits for a line, then feeds
all calls and prints for each final turn of the first call its index and the moment (seconds since the epoch) it was
handed over.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from django.utils import timezone

from agents.services import create_agent
from calls import events
from calls.models import Call, Leg
from calls.recorder import Recorder
from calls.states import Side, Status

LINE = "I would like a table tonight at seven thirty for four people and is there parking nearby please"
WORDS = LINE.split()
PARTIAL_S = 0.25


def make_legs(count: int) -> list[Leg]:
    version = create_agent("Bench", phone_number="", prompt="Take bookings.").current_version
    assert version is not None
    legs = []
    for _ in range(count):
        call = Call.objects.create(
            agent=version.agent,
            agent_version=version,
            direction=Call.Direction.OUTBOUND,
            status=Status.IN_PROGRESS,
            answered_at=timezone.now(),
        )
        legs.append(Leg.objects.create(call=call, side=Side.AGENT, is_primary=True, is_outbound=True))
    return legs


async def talk(recorder: Recorder, seconds: float, chance: random.Random, is_watched: bool) -> None:
    """Turns of one to three seconds with a partial every quarter of a second, and a pause of a second."""
    began, index = time.monotonic(), 0
    await asyncio.sleep(chance.uniform(0, 3))
    while time.monotonic() - began < seconds:
        start_ms = round(1000 * (time.monotonic() - began))
        recorder.event(events.SpeechStarted(at_ms=start_ms, side=Side.CALLER, turn=index))
        for spoken in range(1, chance.randint(4, 12)):
            await asyncio.sleep(PARTIAL_S)
            text = " ".join(WORDS[:spoken])
            recorder.event(
                events.PartialTranscribed(at_ms=start_ms, side=Side.CALLER, turn=index, text=text, start_ms=start_ms)
            )
        now_ms = round(1000 * (time.monotonic() - began))
        recorder.event(events.SpeechStopped(at_ms=now_ms, side=Side.CALLER, turn=index))
        if is_watched:
            print(index, time.time(), flush=True)
        recorder.event(
            events.TurnTranscribed(
                at_ms=now_ms, side=Side.CALLER, turn=index, text=" ".join(WORDS), start_ms=start_ms, end_ms=now_ms
            )
        )
        index += 1
        await asyncio.sleep(1.0)


async def feed(legs: list[Leg], seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recorders = [Recorder(leg, Path(folder) / f"{leg.pk}.ulaw2", lambda _: ()) for leg in legs]
        running = [asyncio.create_task(recorder.run()) for recorder in recorders]
        chance = random.Random(1)
        await asyncio.gather(
            *(talk(each, seconds, random.Random(chance.random()), each is recorders[0]) for each in recorders)
        )
        for recorder in recorders:
            recorder.close()
        await asyncio.gather(*running)


def main(calls: str, seconds: str) -> None:
    legs = make_legs(int(calls))
    print(legs[0].call.public_id, flush=True)
    sys.stdin.readline()
    asyncio.run(feed(legs, float(seconds)))
