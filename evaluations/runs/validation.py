"""Judges that people have not measured yet, and what a gate says without them.

A gate fails no build on a judge with fewer than 20 labels unless the suite or the run says `strict_judges`: its
verdicts are left out, and who looks at the gate is told which.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evaluations.agreement import ENOUGH_LABELS
from evaluations.causes import Cause
from evaluations.labelling import measured_judges, version_of
from evaluations.models import Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase
from evaluations.runs.newest import newest_evaluations
from evaluations.runs.outcomes import judged

JUDGEABLE = (Outcome.PASS, Outcome.FAIL, Outcome.UNSURE)
ASKED = (
    "criterion",
    "criterion_name",
    "kind",
    "kind_version",
    "config",
    "is_critical",
    "outcome",
    "said",
    "decided_by",
    "prompt_hash",
    "evaluation__call",
    "evaluation__cause",
    "evaluation__cause_reason",
)


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


def deciding(run: Run, verdicts: Iterable[Verdict]) -> set[str]:
    """The names of the criteria that decide the run's cases: those that its suite chose; if it chose none, every one
    that was applied. `verdicts`: of the run's cases."""
    chosen = run.suite_snapshot.get("criteria")
    return {each.criterion_name for each in verdicts} if chosen is None else set(chosen)


def verdicts_of(cases: Iterable[RunCase]) -> list[Verdict]:
    """Those that count, of the cases' calls, by the criterion's name: one query. With what a gate asks of them alone,
    and of their evaluations the call and the cause."""
    evaluations = newest_evaluations(case.call_id for case in cases if case.call_id)
    found = Verdict.objects.filter(evaluation__in=evaluations).select_related("evaluation")
    return list(found.only(*ASKED).order_by("criterion_name", "pk"))


def left_out(verdicts: Iterable[Verdict]) -> list[LeftOut]:
    """By name. One query, and none where no judge was asked. `verdicts` as `verdicts_of` gives them."""
    versions = {(each.criterion_id, version_of(each)): each for each in verdicts if each.is_judged}
    labels = {(j.criterion.pk, j.version): j.agreement.n for j in measured_judges()} if versions else {}
    found: dict[str, LeftOut] = {}
    for key, verdict in versions.items():
        name, count = verdict.criterion_name, labels.get(key, 0)
        if count < ENOUGH_LABELS and (name not in found or count < found[name].labels):
            found[name] = LeftOut(name, verdict.decided_by, count)
    return list(found.values())


def gate_outcomes(
    cases: Sequence[RunCase], verdicts: Iterable[Verdict], run: Run, without: Iterable[LeftOut]
) -> Mapping[int, str]:
    """Case → its outcome without the verdicts that are left out; its own where none of them decided it, and where the
    call has none. No query."""
    own = {case.pk: case.outcome for case in cases}
    names = {each.criterion for each in without}
    if not names:
        return own
    chosen = run.suite_snapshot.get("criteria")
    criteria = None if chosen is None else [name for name in chosen if name not in names]
    by_call = {case.call_id: case for case in cases if case.call_id and _is_judgeable(case)}
    of_calls: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        of_calls[verdict.evaluation.call_id].append(verdict)
    for call, found in of_calls.items():
        if call in by_call:
            own[by_call[call].pk] = _without(found, names, criteria)
    return own


def _without(verdicts: Sequence[Verdict], names: set[str], criteria: list[str] | None) -> Outcome:
    """Of the verdicts of one evaluation."""
    kept = [each for each in verdicts if each.criterion_name not in names]
    return judged(verdicts[0].evaluation, kept, criteria).outcome


def _is_judgeable(case: RunCase) -> bool:
    """A call that was spoiled stays so whoever judged it."""
    return case.outcome in JUDGEABLE or (case.outcome == Outcome.ERROR and case.cause == Cause.JUDGE)


def counted(outcomes: Mapping[int, str]) -> dict[str, int]:
    return dict(Counter(outcomes.values()))
