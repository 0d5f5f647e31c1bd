"""How often a whole comparison of two runs raises a false alarm, and how often it sees what got worse.

As `gate_power`, with all that a comparison tests: pass and fail of 50 cases, four criteria, and reply times (log-normal
around 1 s, those of a case alike in both runs, six a call); criteria and reply times corrected together by Holm.
"""

import argparse
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.gate_power import pairs_of
from evaluations.runs.beside import beside
from evaluations.statistics import GateVerdict, bootstrap_shift, gate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=1000, help="simulated comparisons of each kind")
    parser.add_argument("--cases", type=int, default=50, help="cases in a suite")
    parser.add_argument("--drop", type=float, default=0.20, help="points that the worse agent loses, 0 to 1")
    parser.add_argument("--slower", type=float, default=0.25, help="how much slower the worse agent replies, 0 to 1")
    parser.add_argument("--resamples", type=int, default=1000, help="of the replies; a real comparison: 10,000")
    parser.add_argument("--seed", type=int, default=7)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, Any]]:
    told = {name: wholes(options, **worse) for name, worse in KINDS.items()}
    rows: list[dict[str, object]] = [{"new agent": name, **shares} for name, shares in told.items()]
    return rows, {"runs": options.runs, "false_alarm_rate": told["the same"]["told worse"], "told": told}


KINDS: dict[str, dict[str, Any]] = {
    "the same": {},
    "passes 20 points fewer": {"drops": True},
    "replies 25 % slower": {"slows": True},
    "one criterion falls by 20 points": {"falls": True},
}
RATE, CRITERIA, REPLIES = 0.9, 4, 6


def wholes(options: argparse.Namespace, **worse: bool) -> dict[str, float]:
    """The shares of whole comparisons that say worse: at all, by pass and fail, and by what is tested beside."""
    random = np.random.default_rng([options.seed, *(len(name) for name in worse)])
    told = [whole(random, options, **worse) for _ in range(options.runs)]
    by_gate = sum(gate_says for gate_says, _ in told) / len(told)
    return {
        "told worse": sum(map(any, told)) / len(told),
        "by pass rate": by_gate,
        "by criteria or replies": sum(beside_says for _, beside_says in told) / len(told),
    }


def whole(
    random: np.random.Generator,
    options: argparse.Namespace,
    *,
    drops: bool = False,
    slows: bool = False,
    falls: bool = False,
) -> tuple[bool, bool]:
    """Whether one comparison says worse by pass and fail, and by criteria or reply times."""
    drop = options.drop if drops else 0.0
    cases = pairs_of(random, RATE, drop, options.cases)
    criteria = {
        str(number): pairs_of(random, RATE, options.drop if falls and number == 0 else 0.0, options.cases)
        for number in range(CRITERIA)
    }
    usual = random.normal(0.0, 0.3, options.cases)  # how slow a case is, in both runs
    old = replies(random, usual)
    new = replies(random, usual + np.log1p(options.slower if slows else 0.0))
    shifts = [bootstrap_shift(old, new, q, resamples=options.resamples, seed=1) for q in (50.0, 95.0)]
    found = beside(criteria, [shift for shift in shifts if shift])
    return gate(cases).verdict is GateVerdict.WORSE, bool(found.worse)


def replies(random: np.random.Generator, usual: npt.NDArray[np.float64]) -> list[list[float]]:
    """Seconds: around 1 s, those of one call more alike than those of two."""
    calls = usual + random.normal(0.0, 0.15, len(usual))
    times: list[list[float]] = np.exp(calls[:, None] + random.normal(0.0, 0.35, (len(usual), REPLIES))).tolist()
    return times
