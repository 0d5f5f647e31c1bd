"""People's labels of verdicts, and how well each version of a judge agrees with them."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from calls.models import Call
from evaluations.agreement import Agreement, Rate, agreement
from evaluations.causes import counted_outcome
from evaluations.models import JUDGED, Criterion, Evaluation, Label, Verdict
from evaluations.notifications import evaluation_changed
from evaluations.outcomes import Outcome, overall, score

NOT_VALIDATED = "not yet validated"


# --- Labels -----------------------------------------------------------------------------------------------------------
def label_verdict(verdict: Verdict, person: User, outcome: str = "", note: str = "") -> tuple[Label, bool]:
    """The person's label and whether it is new; the call's outcome follows. Blank `outcome`: the person agrees.

    Raises ValueError for what is no outcome.
    """
    wanted = Outcome(outcome or verdict.outcome)
    values = {"outcome": wanted, "note": note.strip()[:500]}
    with transaction.atomic():
        label, is_new = Label.objects.update_or_create(verdict=verdict, person=person, defaults=values)
        _follow(verdict)
    return label, is_new


def remove_label(verdict: Verdict, person: User) -> None:
    """Whatever the person said of this criterion on this call."""
    with transaction.atomic():
        Label.objects.filter(verdict__in=same_question(verdict), person=person).delete()
        _follow(verdict)


def same_question(verdict: Verdict) -> QuerySet[Verdict]:
    """A judge's verdicts on the same call by the same criterion; of any other kind, the verdict alone."""
    if not verdict.is_judged:
        return Verdict.objects.filter(pk=verdict.pk)
    call = verdict.evaluation.call_id
    return Verdict.objects.filter(evaluation__call=call, criterion=verdict.criterion_id, kind__startswith=JUDGED)


def _follow(verdict: Verdict) -> None:
    """The verdicts that the labels are about, and their evaluations' outcome and score, from what people say now."""
    same = same_question(verdict)
    newest = Label.objects.filter(verdict__in=same).order_by("-updated_at", "-id").first()
    Verdict.objects.filter(pk__in=list(same.values_list("pk", flat=True))).update(said=newest.outcome if newest else "")
    for evaluation in Evaluation.objects.filter(verdicts__in=same).select_related("call").prefetch_related("verdicts"):
        _settle(evaluation)
    Call.objects.filter(pk=verdict.evaluation.call_id).update(updated_at=timezone.now())


def _settle(evaluation: Evaluation) -> None:
    """The call's outcome and score from what counts now. The cause stays known: it is shown while the call fails."""
    verdicts = list(evaluation.verdicts.all())
    outcome = overall((each.counted, each.is_critical) for each in verdicts)
    call = evaluation.call
    evaluation.outcome = counted_outcome(outcome, evaluation.cause, call.status, call.ending)
    evaluation.score = score((each.counted, each.weight) for each in verdicts)
    evaluation.save(update_fields=["outcome", "score"])
    transaction.on_commit(lambda: evaluation_changed(evaluation))


# --- Judges, measured -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class JudgeVersion:
    """What makes two verdicts the work of the same judge: kind, config, model and prompt."""

    kind: str
    config_hash: str
    judge: str  # decided_by: "judge openai:…"
    prompt_hash: str


@dataclass(frozen=True, slots=True)
class MeasuredJudge:
    version: JudgeVersion
    criterion: Criterion
    agreement: Agreement
    undecided: int  # labelled, but one of the two said neither pass nor fail

    @property
    def standing(self) -> str:
        return "validated" if self.agreement.is_validated else NOT_VALIDATED

    @property
    def rates(self) -> list[tuple[str, Rate]]:
        """Each with its 95 % interval; a positive is a call that people say passes."""
        found = self.agreement
        return [
            ("Agreement", found.share),
            ("Passes seen", found.true_positive),
            ("Failures seen", found.true_negative),
        ]


def version_of(verdict: Verdict) -> JudgeVersion:
    config = json.dumps(verdict.config, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(f"{verdict.kind_version}\0{config}".encode()).hexdigest()
    return JudgeVersion(verdict.kind, digest[:16], verdict.decided_by, verdict.prompt_hash)


def measured_judges(criterion: Criterion | None = None) -> list[MeasuredJudge]:
    """Each version of a judge that has labels, the newest first, in one query.

    A call that was scored again counts for the version that scored it: the labels of its turns follow the call, so that
    a changed judge is measured against the same people's word.
    """
    groups: dict[tuple[int, JudgeVersion], list[tuple[Verdict, str]]] = defaultdict(list)
    for verdict, said in _labelled(criterion):
        groups[verdict.criterion_id, version_of(verdict)].append((verdict, said))
    newest = sorted(groups.items(), key=lambda item: -max(verdict.pk for verdict, _ in item[1]))
    return [_measured(version, pairs) for (_, version), pairs in newest]


def _labelled(criterion: Criterion | None) -> Iterable[tuple[Verdict, str]]:
    """Judges' verdicts on the (call, criterion) pairs that people labelled, with what the newest label says of each."""
    labels = Label.objects.all() if criterion is None else Label.objects.filter(verdict__criterion=criterion)
    same = {"verdict__evaluation__call": OuterRef("evaluation__call"), "verdict__criterion": OuterRef("criterion")}
    newest = labels.filter(**same).order_by("-updated_at", "-id").values("outcome")[:1]
    judged = Verdict.objects.filter(
        kind__startswith=JUDGED, evaluation__call__in=labels.order_by().values("verdict__evaluation__call")
    )
    told = judged.annotate(label=Subquery(newest)).exclude(label=None)
    verdicts: dict[tuple[Any, ...], Any] = {}
    for verdict in told.select_related("criterion", "evaluation").defer("reason", "evidence", "votes").order_by("pk"):
        # Of several scorings of one call by the same version the newest counts, so that no call counts twice.
        verdicts[verdict.evaluation.call_id, verdict.criterion_id, version_of(verdict)] = verdict
    for verdict in verdicts.values():
        yield verdict, verdict.label


def _measured(version: JudgeVersion, pairs: list[tuple[Verdict, str]]) -> MeasuredJudge:
    decided = (Outcome.PASS, Outcome.FAIL)
    both = [(verdict, said) for verdict, said in pairs if verdict.outcome in decided and said in decided]
    found = agreement((verdict.outcome == Outcome.PASS, said == Outcome.PASS) for verdict, said in both)
    return MeasuredJudge(version, pairs[0][0].criterion, found, len(pairs) - len(both))
