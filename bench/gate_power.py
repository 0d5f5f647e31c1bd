"""How often the gate raises a false alarm, and how often it sees a drop.

Each run of the simulation draws a suite whose cases differ in difficulty, plays it against two agents, and asks the
gate. `same`: the same agent twice. `drop`: the second agent passes 20 points fewer.
"""

import argparse
from typing import Any

import numpy as np

from evaluations.statistics import GateVerdict, Paired, gate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=int, default=1000, help="simulated comparisons of each kind")
    parser.add_argument("--cases", type=int, default=50, help="cases in a suite")
    parser.add_argument("--drop", type=float, default=0.20, help="points that the worse agent loses, 0 to 1")
    parser.add_argument("--seed", type=int, default=7)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, Any]]:
    rows: list[dict[str, object]] = []
    for rate in (0.95, 0.90, 0.80, 0.60):
        same = shares(rate, 0.0, options)
        drop = shares(rate, options.drop, options)
        rows.append(
            {
                "pass rate": rate,
                "cases": options.cases,
                "false alarms": same[GateVerdict.WORSE],
                "same: told same": same[GateVerdict.SAME],
                "drop: told worse": drop[GateVerdict.WORSE],
                "drop: not enough": drop[GateVerdict.NOT_ENOUGH],
            }
        )
    figures = {
        "runs": options.runs,
        "cases": options.cases,
        "drop": options.drop,
        "max_false_alarm_rate": max(float(str(row["false alarms"])) for row in rows),
        "power": {str(row["pass rate"]): row["drop: told worse"] for row in rows},
    }
    return rows, figures


def shares(rate: float, drop: float, options: argparse.Namespace) -> dict[GateVerdict, float]:
    """The share of each verdict over the simulated comparisons."""
    random = np.random.default_rng([options.seed, round(1000 * rate), round(1000 * drop)])
    told = [simulated(random, rate, drop, options.cases) for _ in range(options.runs)]
    return {verdict: told.count(verdict) / options.runs for verdict in GateVerdict}


def simulated(random: np.random.Generator, rate: float, drop: float, cases: int) -> GateVerdict:
    """The verdict on one pair of runs."""
    return gate(pairs_of(random, rate, drop, cases)).verdict


def pairs_of(random: np.random.Generator, rate: float, drop: float, cases: int) -> Paired:
    """One pair of runs. A case's chance to pass is Beta distributed around the rate."""
    chance = random.beta(4 * rate, 4 * (1 - rate), cases)
    worse = chance * max(0.0, rate - drop) / rate
    old, new = random.random(cases) < chance, random.random(cases) < worse
    return Paired(
        both_passed=int((old & new).sum()),
        lost=int((old & ~new).sum()),
        won=int((~old & new).sum()),
        both_failed=int((~old & ~new).sum()),
    )
