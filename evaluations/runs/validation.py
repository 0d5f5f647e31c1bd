"""Judges that people have not measured yet, and what a gate says without them.

A gate fails no build on a judge with fewer than 20 labels unless the suite or the run says `strict_judges`: its
verdicts are left out, and who looks at the gate is told which.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluations.agreement import ENOUGH_LABELS
from evaluations.causes import Cause
from evaluations.labelling import measured_judges, version_of
from evaluations.models import JUDGED, Evaluation, Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase
from evaluations.runs.newest import newest_evaluations
from evaluations.runs.outcomes import judged

JUDGEABLE = (Outcome.PASS, Outcome.FAIL, Outcome.UNSURE)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A criterion whose judge, in at least one of its versions at work here, is not validated."""

    criterion: str
    judge: str
    labels: int  # that the least measured version has

    @property
    def told(self) -> str:
        return f"{self.criterion} ({self.judge}: {self.labels} of {ENOUGH_LABELS} labels)"


def is_strict(run: Run) -> bool:
    return bool(run.suite_snapshot.get("strict_judges", False))


def left_out(cases: Iterable[RunCase]) -> list[LeftOut]:
    """By name. Two queries, and none for labels where no judge was asked."""
    evaluations = newest_evaluations(case.call_id for case in cases if case.call_id)
    verdicts = Verdict.objects.filter(evaluation__in=evaluations, kind__startswith=JUDGED).order_by("criterion_name")
    versions = {(each.criterion_id, version_of(each)): each for each in verdicts.iterator()}
    labels = {(j.criterion.pk, j.version): j.agreement.n for j in measured_judges()} if versions else {}
    found: dict[str, LeftOut] = {}
    for key, verdict in versions.items():
        name, count = verdict.criterion_name, labels.get(key, 0)
        if count < ENOUGH_LABELS and (name not in found or count < found[name].labels):
            found[name] = LeftOut(name, verdict.decided_by, count)
    return list(found.values())


def gate_outcomes(cases: Sequence[RunCase], run: Run, without: Iterable[LeftOut]) -> Mapping[int, str]:
    """Case → its outcome without the verdicts that are left out; its own where none of them decided it."""
    own = {case.pk: case.outcome for case in cases}
    names = {each.criterion for each in without}
    if not names:
        return own
    chosen = run.suite_snapshot.get("criteria")
    criteria = None if chosen is None else [name for name in chosen if name not in names]
    by_call = {case.call_id: case for case in cases if case.call_id and _is_judgeable(case)}
    for evaluation in newest_evaluations(by_call).prefetch_related("verdicts"):
        own[by_call[evaluation.call_id].pk] = _without(evaluation, names, criteria)
    return own


def _without(evaluation: Evaluation, names: set[str], criteria: list[str] | None) -> Outcome:
    kept = [each for each in evaluation.verdicts.all() if each.criterion_name not in names]
    return judged(evaluation, kept, criteria).outcome


def _is_judgeable(case: RunCase) -> bool:
    """A call that was spoiled stays so whoever judged it."""
    return case.outcome in JUDGEABLE or (case.outcome == Outcome.ERROR and case.cause == Cause.JUDGE)


def counted(outcomes: Mapping[int, str]) -> dict[str, int]:
    return dict(Counter(outcomes.values()))
