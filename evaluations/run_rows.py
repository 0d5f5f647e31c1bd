"""How a run's page shows its calls: rows in the order of what needs a look, and how many there are of each kind."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Case, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Value, When

from calls.badges import VOICEMAIL, Badge, outcome_badge
from calls.models import Call
from calls.rows import NONE_MEASURED, REPLY, CallRow, Replies, call_row
from calls.selectors import add_rows_parts
from calls.states import LIVE
from evaluations.models import Evaluation, Measurement, Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Run, RunCase

PAGE_SIZE = 60
State = RunCase.State
UNDERWAY = (State.PLACING, State.CALLING)
UNCLEAR = (Outcome.ERROR, Outcome.UNSURE, Outcome.NOT_APPLICABLE)

# name, word, what belongs to it
SHOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("All", {}),
    "live": ("Live", {"state__in": UNDERWAY}),
    "failed": ("Failed", {"state": State.DONE, "outcome": Outcome.FAIL}),
    "errors": ("Errors", {"state": State.DONE, "outcome__in": UNCLEAR}),
    "passed": ("Passed", {"state": State.DONE, "outcome": Outcome.PASS}),
    "queued": ("Queued", {"state__in": (State.WAITING, State.STOPPED)}),
}
QUEUED = Badge("wait", "Queued", "clock")
AGAIN = Badge("wait", "Queued again", "rotate-cw")
DIALLING = Badge("dial", "Dialling", "phone-outgoing")
NOT_CALLED = Badge("na", "Not called", "circle-minus")
ENDED = Badge("score", "Scoring", "gauge")

_RELATED = ("scenario", "persona", "call")
# No row shows these, and reading them takes as long as all else.
_HEAVY = (
    *("line", "history", "call__scenario_snapshot"),
    *(f"scenario__{name}" for name in ("goal", "facts", "script", "outcome", "line")),
    *(f"persona__{name}" for name in ("manner", "brain_options", "ears_options", "voice_options")),
)
_RANK = Case(
    When(state__in=UNDERWAY, then=Value(0)),
    When(state=State.DONE, outcome=Outcome.FAIL, then=Value(1)),
    When(state=State.DONE, outcome__in=UNCLEAR, then=Value(2)),
    When(state=State.DONE, then=Value(3)),
    When(state=State.WAITING, then=Value(4)),
    default=Value(5),
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class CaseRow:
    case: RunCase
    order: int
    badge: Badge
    title: str
    subtitle: str
    line: str  # what there is to say where no call says it
    row: CallRow | None

    @property
    def call(self) -> Any:
        return self.row.call if self.row else None


def cases(run: Run, show: str = "all", text: str = "") -> QuerySet[RunCase]:
    """Those that one tab shows, what needs a look first."""
    found = run.cases.filter(**SHOWS[show][1]).select_related(*_RELATED).defer(*_HEAVY).annotate(rank=_RANK)
    if text:
        found = found.filter(_is_named(text))
    return found.order_by("rank", "index")


def _is_named(text: str) -> Q:
    return Q(scenario__name__icontains=text) | Q(persona__name__icontains=text)


def all_cases(run: Run, text: str = "") -> list[RunCase]:
    """Every case of the run with what counts and gates ask of it, and `is_named`: whether the text finds it."""
    is_named = Case(When(_is_named(text), then=Value(True)), default=Value(False)) if text else Value(True)
    found = run.cases.annotate(is_named=is_named)
    return list(found.only("run", "state", "outcome", "cause", "call").order_by("index"))


def rows(found: Iterable[RunCase]) -> list[CaseRow]:
    """Four queries whatever the number of cases. Each case as `cases` gives it."""
    shown = list(found)
    # Of the figures a row shows the reply times alone: they come with the evaluations.
    reply = Measurement.objects.filter(evaluation=OuterRef("pk"), metric=REPLY)
    evaluations = Evaluation.objects.annotate(
        reply_parts=Subquery(reply.values("parts")[:1]), reply_occurrences=Subquery(reply.values("occurrences")[:1])
    )
    verdicts = Verdict.objects.only("evaluation", "criterion_name", "outcome", "said")
    evaluations = evaluations.prefetch_related(Prefetch("verdicts", verdicts))
    add_rows_parts([_complete(case.call, case) for case in shown if case.call], evaluations)
    return [_row(case, _call_row(case, case.call) if case.call else None) for case in shown]


def _call_row(case: RunCase, call: Call) -> CallRow:
    return call_row(call, _replies(call), case.run.suite_snapshot.get("criteria"))


def _complete(call: Call, case: RunCase) -> Call:
    """With the run's agent and the case's persona and scenario, which are the call's own: none is fetched again."""
    version = case.run.agent_version
    known = {"agent_version": version, "agent": version.agent, "persona": case.persona, "scenario": case.scenario}
    for name, one in known.items():
        if getattr(call, f"{name}_id") == one.pk:
            setattr(call, name, one)
    return call


def _replies(call: Call) -> Replies:
    """Of its newest evaluation, as `rows` fetched it."""
    newest: Any = next(iter(call.evaluations.all()), None)
    return Replies(newest.reply_parts, newest.reply_occurrences) if newest and newest.reply_parts else NONE_MEASURED


def _row(case: RunCase, row: CallRow | None) -> CaseRow:
    if row and row.line_is_bad and case.state == State.DONE:
        # Only what decided: what else failed is on the call's page.
        row = replace(row, line=case.reason, line_is_bad=bool(case.reason))
    said = [case.persona.name, case.line_name, f"repeat {case.repeat}" if case.repeat > 1 else ""]
    return CaseRow(
        case=case,
        order=1_000_000 * case.rank + case.index,  # type: ignore[attr-defined]  # annotated by `cases`
        badge=_badge(case, row),
        title=case.scenario.name,
        subtitle=", ".join(part for part in said if part),
        line=case.reason if row is None or not row.line else "",
        row=row,
    )


def _badge(case: RunCase, row: CallRow | None) -> Badge:
    match case.state:
        case State.WAITING:
            return AGAIN if case.attempt > 1 else QUEUED
        case State.PLACING:
            return DIALLING
        case State.STOPPED:
            return NOT_CALLED
        case State.CALLING:
            return row.badge if row and row.call.status in LIVE else ENDED
    is_told = row is not None and (row.badge.kind == "error" or row.badge == VOICEMAIL)
    return row.badge if row and is_told else outcome_badge(case.outcome, case.cause)


# --- Counts -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the progress bar; x and width in percent of it."""

    kind: str
    word: str
    count: int
    x: str
    width: str


def segments(counts: Sequence[tuple[str, str, int]]) -> list[Segment]:
    """Of (kind, word, count), those that are not empty, one after the other with a little air between."""
    total, at, found = sum(count for _, _, count in counts), 0.0, []
    for kind, word, count in counts:
        if count:
            width = 100 * count / total
            air = 0.35 if at + width < 99.99 else 0.0  # the last one ends where the bar ends
            found.append(Segment(kind, word, count, f"{at:.2f}%", f"{max(0.3, width - air):.2f}%"))
            at += width
    return found


def tabs(counts: dict[tuple[str, str], int]) -> list[tuple[str, str, int]]:
    """(name, word, count) of each tab, from counts by (state, outcome)."""
    return [(name, word, counted(counts, name)) for name, (word, _) in SHOWS.items()]


def counted(counts: dict[tuple[str, str], int], show: str) -> int:
    """How many cases one tab shows."""
    return _counted(counts, SHOWS[show][1])


def _counted(counts: dict[tuple[str, str], int], wanted: dict[str, Any]) -> int:
    states = wanted.get("state__in", [wanted["state"]] if "state" in wanted else None)
    outcomes = wanted.get("outcome__in", [wanted["outcome"]] if "outcome" in wanted else None)
    return sum(
        count
        for (state, outcome), count in counts.items()
        if (states is None or state in states) and (outcomes is None or outcome in outcomes)
    )
