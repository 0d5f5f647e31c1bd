"""Two runs side by side as their page shows them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from calls.badges import Badge, outcome_badge
from evaluations.run_models import Run, RunCase
from evaluations.run_pages import counts_by_kind, rate
from evaluations.runs.comparison import CasePair, Comparison, compare
from evaluations.runs.selectors import Rate
from evaluations.statistics import GateVerdict

CHANGES = {
    "regressed": Badge("fail", "Regressed", "trending-down"),
    "fixed": Badge("pass", "Fixed", "trending-up"),
    "missing": Badge("error", "Missing", "circle-question-mark"),
    "same": Badge("na", "Same", "equal"),
}
VERDICTS = {
    GateVerdict.WORSE: Badge("fail", "Worse", "trending-down"),
    GateVerdict.BETTER: Badge("pass", "Better", "trending-up"),
    GateVerdict.SAME: Badge("na", "Same", "equal"),
    GateVerdict.NOT_ENOUGH: Badge("error", "Not enough calls", "circle-question-mark"),
}
NOT_IN_RUN = Badge("na", "Not in this run", "circle-minus")


@dataclass(frozen=True, slots=True)
class PairRow:
    case: RunCase
    change: Badge
    old: Badge
    new: Badge
    old_url: str
    new_url: str
    reason: str
    scenario_changed: bool


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    rows: list[PairRow]


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    told: Comparison
    verdict: Badge
    old_rate: Rate
    new_rate: Rate
    groups: list[Group]
    changed_scenarios: list[str]


def page(old: Run, new: Run, group: str) -> ComparisonPage:
    told = compare(old, new)
    pairs = [pair for change in CHANGES for pair in getattr(told, change)]
    rows = [_row(old, new, pair) for pair in pairs]
    changed = sorted({row.case.scenario.name for row in rows if row.scenario_changed})
    before, after = (
        rate(counts_by_kind(case for case in cases if case))
        for cases in ([pair.old for pair in pairs], [pair.new for pair in pairs])
    )
    return ComparisonPage(told, VERDICTS[told.verdict], before, after, _groups(rows, group), changed)


def _groups(rows: Sequence[PairRow], group: str) -> list[Group]:
    """What got worse comes first; within a persona too."""
    if group == "persona":
        by_persona = sorted(rows, key=lambda row: row.case.persona.name)
        return [Group(name, list(found)) for name, found in groupby(by_persona, key=lambda row: row.case.persona.name)]
    return [Group(name, list(found)) for name, found in groupby(rows, key=lambda row: row.change.word)]


def _row(old: Run, new: Run, pair: CasePair) -> PairRow:
    reasons: Iterable[str] = (case.reason for case in (pair.new, pair.old) if case)
    return PairRow(
        case=pair.case,
        change=CHANGES[pair.change],
        old=_badge(pair.old),
        new=_badge(pair.new),
        old_url=_url(pair.old),
        new_url=_url(pair.new),
        reason=next(filter(None, reasons), ""),
        scenario_changed=_snapshot(old, pair.case) != _snapshot(new, pair.case) and bool(pair.old and pair.new),
    )


def _badge(case: RunCase | None) -> Badge:
    if case is None or not case.outcome:
        return NOT_IN_RUN
    return outcome_badge(case.outcome, case.cause, case.call.ending if case.call else "")


def _url(case: RunCase | None) -> str:
    return case.call.get_absolute_url() if case and case.call else ""


def _snapshot(run: Run, case: RunCase) -> object:
    return run.suite_snapshot.get("scenarios", {}).get(str(case.scenario_id))
