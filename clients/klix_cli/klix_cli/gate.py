"""What a build should do: 0 pass, 1 regression or failed gate, 2 could not tell. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

PASSED: Final = 0
FAILED: Final = 1
COULD_NOT_TELL: Final = 2


@dataclass(frozen=True, slots=True)
class Decision:
    code: int
    reason: str


def decide(run: Mapping[str, Any], comparison: Mapping[str, Any] | None, missing_baseline: str = "") -> Decision:
    """`run` and `comparison` as the API tells them; `missing_baseline`: the name asked for that does not exist.

    A failure outweighs everything; what could not be told outweighs a pass.
    """
    told = [*_required(run), *_compared(comparison, missing_baseline)]
    if not told:
        told = _counted(run)
    told += _unfinished(run)
    without = _left_out(run, comparison)
    for code in (FAILED, COULD_NOT_TELL):
        if reasons := [each.reason for each in told if each.code == code]:
            return Decision(code, " ".join(reasons + without))
    return Decision(PASSED, " ".join([each.reason for each in told] + without))


def _left_out(run: Mapping[str, Any], comparison: Mapping[str, Any] | None) -> list[str]:
    """The criteria that decided nothing, in a sentence."""
    found = [*run["results"]["gate"]["left_out"], *(comparison["left_out"] if comparison else ())]
    told = {each["criterion"]: f"{each['criterion']} ({each['labels']} of 20 labels)" for each in found}
    return [f"Left out, for their judges are not yet validated: {', '.join(told.values())}."] if told else []


def _unfinished(run: Mapping[str, Any]) -> list[Decision]:
    if run["state"] == "finished":
        return []
    return [Decision(COULD_NOT_TELL, f"The run was stopped: {run['stop_reason'] or 'no reason was given'}")]


def _required(run: Mapping[str, Any]) -> list[Decision]:
    required = run["results"]["required_pass_rate"]
    if required is None:
        return []
    gate = run["results"]["gate"]
    rate = gate["pass_rate"]
    told = f"{rate['passed']} of {rate['n']} passed; {required:.0%} are required"
    match gate["is_required_rate_kept"]:
        case True:
            return [Decision(PASSED, f"{told}.")]
        case False:
            return [Decision(FAILED, f"{told}.")]
    return [Decision(COULD_NOT_TELL, f"{told}: not enough calls to tell.")]


def _compared(comparison: Mapping[str, Any] | None, missing_baseline: str) -> list[Decision]:
    if missing_baseline:
        return [Decision(COULD_NOT_TELL, f"There is no baseline {missing_baseline!r} yet.")]
    if comparison is None:
        return []
    cases, verdict = comparison["cases"], comparison["verdict"]
    told = f"{cases['regressed']} regressed and {cases['fixed']} fixed of {cases['n']} cases"
    if verdict == "worse":
        also = f" Worse: {', '.join(comparison['worse'])}." if comparison["worse"] else ""
        return [Decision(FAILED, f"Worse than the baseline: {told}.{also}")]
    if verdict in ("better", "same"):
        return [Decision(PASSED, f"{verdict.capitalize()}: {told}.")]
    more = comparison["gate"]["more_calls"]
    hint = f"about {more} more would tell" if more else "no reasonable number of calls would tell"
    return [Decision(COULD_NOT_TELL, f"Not enough calls: {told}; {hint}.")]


def _counted(run: Mapping[str, Any]) -> list[Decision]:
    """Without a baseline and a required rate every case must pass."""
    outcomes: Mapping[str, int] = run["results"]["gate"]["outcomes"]
    if failed := outcomes.get("fail", 0):
        return [Decision(FAILED, f"{failed} of {run['progress']['total']} cases failed.")]
    if passed := outcomes.get("pass", 0):
        untold = run["progress"]["total"] - passed
        if not untold:
            return [Decision(PASSED, f"All {passed} cases passed.")]
        return [Decision(COULD_NOT_TELL, f"{passed} cases passed, and {untold} could not be judged.")]
    return [Decision(COULD_NOT_TELL, "No case could be judged.")]


def outcome_of(case: Mapping[str, Any]) -> str:
    return str(case["outcome"] or case["state"])


def count(cases: Sequence[Mapping[str, Any]], *outcomes: str) -> int:
    return sum(outcome_of(case) in outcomes for case in cases)
