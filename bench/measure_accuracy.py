"""How far the figures of a recording are from the truth: synthetic stereo calls, planned to the millisecond.

`--calls` calls (default 200), a fifth on each line: clean, noise at 20 and 10 dB SNR, 3 % of the packets lost with and
without concealment. Speech of the bundled voices, and of recorded human prompts where Debian's
`asterisk-core-sounds-en-wav` is installed. Errors: |measured − true| of each reply time and stop time, in ms; `counts`:
wrong counts of interruptions (either side), unanswered turns and dead air, and replies or stops too many or too few.
The last columns hold the same figures computed from the true segments: what the rules alone get wrong.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.ports import VoiceActivity
from agents.providers.registry import make_activity
from bench._line_conditions import LINES
from bench._synthetic_calls import AGENT, CALLER, Plan, Truth, load_speech, make_plan
from calls.states import Side
from evaluations.floor import floor
from evaluations.metrics.registry import get_metric
from evaluations.record import CallRecord, Segment
from evaluations.segments import speech_segments

COUNTED = ("agent_interruptions", "caller_interruptions", "unanswered_turns", "dead_air")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fades", action="store_true", help="leave each clip its natural fade (see _synthetic_calls)")


@dataclass
class Tally:
    calls: int = 0
    errors_ms: list[int] = field(default_factory=list)
    count_errors: int = 0

    def add(self, truth: Truth, record: CallRecord) -> None:
        self.calls += 1
        for name in COUNTED:
            metric = get_metric(name)
            assert metric is not None
            self.count_errors += int(abs((metric.measure(record).value or 0) - getattr(truth, name)))
        talk = floor(record)
        stops = [each.stop_ms for each in talk.interruptions(Side.CALLER) if each.stop_ms is not None]
        self._compare(truth.replies, [reply.delay_ms for reply in talk.replies(Side.AGENT)])
        self._compare(truth.stops, stops)

    def _compare(self, true: Sequence[int], found: Sequence[int]) -> None:
        """In order of time; where one is missing or too many, none of the call's can be told apart."""
        if len(true) != len(found):
            self.count_errors += abs(len(true) - len(found))
        else:
            self.errors_ms += [abs(a - b) for a, b in zip(true, found, strict=True)]

    def figures(self) -> dict[str, object]:
        errors = np.array(self.errors_ms or [0])
        return {
            "n": len(self.errors_ms),
            "p95_error_ms": float(np.percentile(errors, 95)),
            "max_error_ms": int(errors.max()),
            "count_errors": self.count_errors,
        }


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    speech = load_speech(np.random.default_rng(options.seed), fades=options.fades)
    if not speech.prompts:
        print("No recorded prompts (asterisk-core-sounds-en-wav): synthesized voices only.")
    activity = make_activity()
    measured = {name: Tally() for name in LINES}
    ruled = {name: Tally() for name in LINES}
    for number in range(options.calls):
        name = list(LINES)[number % len(LINES)]
        random = np.random.default_rng((options.seed, number))
        plan = make_plan(speech, random)
        measured[name].add(plan.truth, _heard(plan, name, random, activity))
        ruled[name].add(plan.truth, _planned(plan))
    rows = [_row(name, measured[name], ruled[name]) for name in LINES]
    return rows, {"prompts": speech.prompts, **{name: tally.figures() for name, tally in measured.items()}}


def _row(name: str, measured: Tally, ruled: Tally) -> dict[str, object]:
    figures = measured.figures()
    return {
        "line": name,
        "calls": measured.calls,
        "n": figures["n"],
        "p95 ms": figures["p95_error_ms"],
        "max ms": figures["max_error_ms"],
        "counts": figures["count_errors"],
        "rules: max ms": ruled.figures()["max_error_ms"],
        "rules: counts": ruled.count_errors,
    }


def _heard(plan: Plan, line: str, random: np.random.Generator, activity: VoiceActivity) -> CallRecord:
    channels = [LINES[line](channel, random) for channel in plan.channels()]
    caller, agent = (speech_segments(channel, activity) for channel in channels)
    return CallRecord(duration_ms=plan.duration_ms, caller=caller, agent=agent)


def _planned(plan: Plan) -> CallRecord:
    caller, agent = (
        tuple(sorted((Segment(*span) for each in plan.placed if each.side == side for span in each.spans()), key=start))
        for side in (CALLER, AGENT)
    )
    return CallRecord(duration_ms=plan.duration_ms, caller=caller, agent=agent)


def start(segment: Segment) -> int:
    return segment.start_ms
