"""A finished call as the product leaves it: turns, a stereo recording, figures and verdicts. The dialogue is a booking
in which the agent answers late once, talks over the caller once, and books the wrong number of people."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.ports import Samples
from calls.audio import wav
from calls.models import Call, Recording, Turn
from calls.states import Ending, Status
from evaluations.models import Criterion, Evaluation, Measurement, Verdict

RATE_HZ = 8000
DURATION_MS = 59_140

# side, start ms, end ms, words
DIALOGUE: tuple[tuple[str, int, int, str], ...] = (
    ("agent", 900, 6210, "Thanks for calling Osteria Lucia. I'm Lucia's virtual assistant. How can I help?"),
    ("caller", 6830, 10600, "Hi, I need a table tonight, seven thirty, for four people."),
    ("agent", 11700, 14330, "Of course. Can I take a name for the booking?"),
    ("caller", 14810, 15860, "It's Dana Whitfield."),
    ("agent", 16800, 20800, "Thank you, Dana. Let me check tonight at seven thirty for four."),
    ("caller", 21210, 25020, "Actually, sorry, make that five. My brother is coming too."),
    (
        "agent",
        28140,
        35860,
        "No problem. I do have a table at seven thirty. Would you prefer to sit inside, or out on the terrace? "
        "The terrace is heated.",
    ),
    ("caller", 34480, 37390, "Inside, please. And is there parking nearby?"),
    ("agent", 38810, 42450, "Yes, there is a public garage on Mill Street, two minutes away."),
    ("caller", 43030, 45490, "Great. So can you confirm that for me?"),
    ("agent", 47240, 52100, "Confirmed, Dana. A table for four, inside, tonight at seven thirty."),
    ("caller", 52620, 54420, "Okay, thanks. Bye."),
    ("agent", 55470, 58240, "You're welcome. See you tonight. Goodbye."),
)
REPLIES_S = ((10600, 1.10), (15860, 0.94), (25020, 3.12), (37390, 1.42), (45490, 1.75), (54420, 1.05))


def _tag() -> str:
    """Names are unique, also between the processes of a browser test."""
    return uuid4().hex[:6]


def make_agent(name: str = "Osteria Lucia booking") -> Agent:
    agent = Agent.objects.create(name=f"{name} {_tag()}", phone_number="")
    for number in (1, 2):
        AgentVersion.objects.create(agent=agent, number=number, prompt="You take bookings for a restaurant.")
    return agent


def make_call(*, agent: Agent | None = None, **changes: Any) -> Call:
    """A call that rings, unless `changes` say otherwise."""
    agent = agent or make_agent()
    number = _tag()
    persona = Persona.objects.create(name=f"Dana, in a hurry {number}", description="Impatient, changes her mind.")
    scenario = Scenario.objects.create(name=f"Caller corrects the party size {number}", persona=persona)
    values: dict[str, Any] = {
        "agent": agent,
        "agent_version": agent.current_version,
        "persona": persona,
        "scenario": scenario,
        "direction": Call.Direction.OUTBOUND,
        "status": Status.RINGING,
        "to_number": "+390255504417",
        "from_number": "+15550100000",
    }
    return Call.objects.create(**values | changes)


def live_call(**changes: Any) -> Call:
    return make_call(status=Status.IN_PROGRESS, answered_at=timezone.now(), **changes)


def finished_call(*, recorded: bool = True, scored: bool = True, **changes: Any) -> Call:
    ended_at = timezone.now()
    call = make_call(
        status=Status.COMPLETED,
        ending=Ending.CALLER_HUNG_UP,
        answered_at=ended_at - timedelta(milliseconds=DURATION_MS),
        ended_at=ended_at,
        **changes,
    )
    turns = add_turns(call)
    if recorded:
        record(call)
    if scored:
        score(call, turns)
    return call


def add_turns(call: Call, upto: int = len(DIALOGUE)) -> list[Turn]:
    return Turn.objects.bulk_create(
        Turn(call=call, index=index, side=side, start_ms=start_ms, end_ms=end_ms, text=text, language="en")
        for index, (side, start_ms, end_ms, text) in enumerate(DIALOGUE[:upto])
    )


# --- The recording ----------------------------------------------------------------------------------------------------
def record(call: Call) -> Recording:
    Path(settings.RECORDINGS_DIR).mkdir(parents=True, exist_ok=True)
    name = f"{call.public_id}.wav"
    frames = wav.interleave(*(_channel(side) for side in ("caller", "agent")))
    wav.write(Path(settings.RECORDINGS_DIR) / name, frames, RATE_HZ)
    return Recording.objects.create(call=call, state=Recording.State.READY, file=name, duration_ms=DURATION_MS)


def _channel(side: str) -> Samples:
    """Bursts of a voice-like tone, a syllable each, where this side speaks."""
    random = np.random.default_rng(len(side))
    channel = np.zeros(DURATION_MS * RATE_HZ // 1000, np.float64)
    for speaker, start_ms, end_ms, _ in DIALOGUE:
        at_ms = start_ms
        while speaker == side and at_ms < end_ms:
            length_ms = min(int(random.integers(90, 260)), end_ms - at_ms)
            first, last = (RATE_HZ * ms // 1000 for ms in (at_ms, at_ms + length_ms))
            ramp = np.sin(np.linspace(0, np.pi, last - first))
            tone = np.sin(2 * np.pi * (150 if side == "agent" else 210) * np.arange(last - first) / RATE_HZ)
            channel[first:last] = ramp * tone * random.uniform(0.15, 0.9)
            at_ms += length_ms + int(random.integers(10, 90))
    return (channel * 20_000).astype(np.int16)


# --- What was found ---------------------------------------------------------------------------------------------------
def score(call: Call, turns: list[Turn]) -> Evaluation:
    evaluation = Evaluation.objects.create(
        call=call, state=Evaluation.State.DONE, outcome="fail", finished_at=timezone.now()
    )
    _measure(evaluation)
    _judge(evaluation, turns)
    return evaluation


def _measure(evaluation: Evaluation) -> None:
    replies = [
        {"start_ms": start, "end_ms": start + round(1000 * value), "value": value, "side": "agent", "note": ""}
        for start, value in REPLIES_S
    ]
    overlap = [{"start_ms": 34480, "end_ms": 35860, "value": 1.38, "side": "agent", "note": ""}]
    first = [{"start_ms": 0, "end_ms": 900, "value": 0.9, "side": "agent", "note": ""}]
    rows: tuple[tuple[str, str, float, int, dict[str, float], list[Any]], ...] = (
        ("reply_time", "s", 1.26, 6, {"p50": 1.26, "p95": 2.78, "min": 0.94, "max": 3.12, "mean": 1.56}, replies),
        ("first_word", "s", 0.9, 1, {}, first),
        ("talk_over", "%", 10.5, 1, {"total": 1.38}, overlap),
        ("agent_interruptions", "", 0.0, 6, {"rate": 0.0}, []),
        ("caller_interruptions", "", 1.0, 7, {"rate": 0.14}, []),
        ("talk_share", "", 0.66, 13, {"agent": 30.9, "caller": 15.8}, []),
    )
    Measurement.objects.bulk_create(
        Measurement(
            evaluation=evaluation,
            metric=metric,
            metric_version=1,
            unit=unit,
            value=value,
            n=n,
            parts=parts,
            occurrences=occurrences,
        )
        for metric, unit, value, n, parts, occurrences in rows
    )


def _judge(evaluation: Evaluation, turns: list[Turn]) -> None:
    def at(index: int, quote: str, start_ms: int, end_ms: int) -> dict[str, Any]:
        return {"turn": str(turns[index].public_id), "quote": quote, "start_ms": start_ms, "end_ms": end_ms}

    wrong = [at(10, "A table for four,", 48600, 49750), at(5, "make that five.", 22280, 23320)]
    slow = [{"turn": None, "quote": "3.12 s of silence, limit 2.0 s", "start_ms": 25020, "end_ms": 28140}]
    over = [{"turn": None, "quote": "Agent kept talking for 1.38 s", "start_ms": 34480, "end_ms": 35860}]
    said = [at(0, "I'm Lucia's virtual assistant.", 3110, 5110)]
    rows: tuple[tuple[str, str, str, str, list[Any]], ...] = (
        (
            "Confirms the corrected party size",
            "judge",
            "fail",
            "Booked for four, caller asked for five. The agent acknowledged it, then confirmed a table for four.",
            wrong,
        ),
        ("Replies within 2.0 s", "metric", "fail", "3.12 s of silence before the agent replied.", slow),
        ("Stops within 0.5 s when interrupted", "metric", "fail", "Agent kept talking for 1.38 s.", over),
        ("Says it is a virtual assistant in the first turn", "judge", "pass", "", said),
        ("Asks for a name before booking", "judge", "pass", "", [at(2, "Can I take a name", 12310, 13380)]),
        (
            "Answers only from the knowledge base",
            "judge",
            "pass",
            "",
            [at(8, "a public garage on Mill Street", 39620, 41440)],
        ),
        ("Offers a person when asked", "judge", "not applicable", "The caller never asked for a person.", []),
    )
    for name, kind, outcome, reason, evidence in rows:
        criterion, _ = Criterion.objects.get_or_create(name=name, defaults={"kind": kind})
        Verdict.objects.create(
            evaluation=evaluation,
            criterion=criterion,
            criterion_name=name,
            kind=kind,
            kind_version=1,
            config={"figure": "reply_time"} if kind == "metric" else {},
            outcome=outcome,
            reason=reason,
            evidence=evidence,
            decided_by="metric" if kind == "metric" else "gpt-4o-mini",
            votes=[{"outcome": outcome}] * 3 if kind == "judge" else [],
        )
