"""The outcomes of a verdict, and of a call from its verdicts."""

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    PASS = "pass"  # noqa: S105  (a verdict, not a password)
    FAIL = "fail"
    UNSURE = "unsure"
    NOT_APPLICABLE = "not applicable"
    ERROR = "error"  # could not be judged; never counted as a pass


def overall(verdicts: Iterable[tuple[Outcome, bool]]) -> Outcome:
    """The outcome of a call from its verdicts, each with whether its criterion is critical.

    A failed critical criterion fails the call. Else what could not be told stays untold: `error` before `unsure`.
    A call with no applicable criterion is `not applicable`: nothing was promised, so nothing was kept.
    """
    critical = {outcome for outcome, is_critical in verdicts if is_critical}
    for outcome in (Outcome.FAIL, Outcome.ERROR, Outcome.UNSURE, Outcome.PASS):
        if outcome in critical:
            return outcome
    return Outcome.NOT_APPLICABLE


def score(verdicts: Iterable[tuple[Outcome, float]]) -> float | None:
    """The share of weight that passed, of verdicts (outcome, weight) that are a pass or a fail; None for no weight."""
    decided = [(outcome, weight) for outcome, weight in verdicts if outcome in (Outcome.PASS, Outcome.FAIL)]
    total = sum(weight for _, weight in decided)
    return sum(weight for outcome, weight in decided if outcome is Outcome.PASS) / total if total else None
