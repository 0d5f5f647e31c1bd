"""What is done with evaluations: ask for one, claim it, make it, save it.

An evaluation is claimed by a conditional update with a lease, made outside any transaction, and saved in one
transaction that the claim guards. A worker that dies leaves a claim that runs out; one that is only slow keeps its own;
one that lost it all the same saves nothing. So each evaluation is saved once, however often its task runs.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from agents.errors import Misconfigured
from agents.ports import SpeechToText, VoiceActivity
from agents.providers.registry import EarsSetup, make_activity, make_ears
from calls.models import Call
from calls.states import Status
from evaluations.applying import Judged, apply_all
from evaluations.causes import cause_of, cause_of_end, counted_outcome
from evaluations.criteria.registry import Judgement, Material, get_type
from evaluations.fetching import Fetcher
from evaluations.judges import configured_judge
from evaluations.judging import Ballot, Judge
from evaluations.keeping import ClaimLost, kept
from evaluations.metrics.registry import Figure, measure_all
from evaluations.models import JUDGED, Criterion, Evaluation, Measurement, Verdict
from evaluations.notifications import evaluation_changed
from evaluations.outcomes import Outcome, overall, score
from evaluations.record import TurnRecord
from evaluations.selectors import (
    MAX_ATTEMPTS,
    call_record,
    criteria_for,
    has_conversation,
    is_recorded,
    people_said,
    waiting_evaluations,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one evaluation, for EVALUATION_LEASE_S from the last renewal."""

    pk: int
    token: uuid.UUID

    def renew(self) -> None:
        """Raises ClaimLost."""
        if not self._held().update(claimed_until=_lease_end()):
            raise ClaimLost

    def settle(self, **changes: Any) -> None:
        """Change the evaluation and give the claim up. Raises ClaimLost and changes nothing if it is lost."""
        if not self._held().update(**{**changes, "claim": None, "claimed_until": None}):
            raise ClaimLost

    def _held(self) -> Any:
        return Evaluation.objects.filter(pk=self.pk, claim=self.token, state=Evaluation.State.RUNNING)


def request_evaluation(call: Call) -> Evaluation | None:
    """The call's evaluation, made queued if there is none; None for a call without a conversation. Repeatable."""
    if not has_conversation(call):
        _keep_spoiled(call)
        return None
    evaluation, created = Evaluation.objects.get_or_create(call=call, number=1)
    if created:
        transaction.on_commit(lambda: evaluation_changed(evaluation))
    return evaluation


def _keep_spoiled(call: Call) -> None:
    """What broke a call before anything was said leaves nothing to evaluate: the call itself is told."""
    if call.status == Status.COMPLETED and cause_of_end(call.status, call.ending):
        Call.objects.filter(pk=call.pk, outcome="").update(outcome=Outcome.ERROR)


def claim_evaluation(pk: int) -> Claim | None:
    """The claim of a waiting evaluation, or None: it is done, someone works on it, or it was tried too often."""
    claim = Claim(pk, uuid.uuid4())
    won = (
        waiting_evaluations()
        .filter(pk=pk, attempts__lt=MAX_ATTEMPTS)
        .order_by()
        .update(
            state=Evaluation.State.RUNNING,
            claim=claim.token,
            claimed_until=_lease_end(),
            attempts=F("attempts") + 1,
            error="",
        )
    )
    return claim if won else None


def evaluate(
    pk: int,
    *,
    activity: VoiceActivity | None = None,
    judge: Judge | None = None,
    ears: SpeechToText | None = None,
) -> bool:
    """Make the evaluation; whether this call of it did. Without arguments: the site's detector, judge and ears.

    What goes wrong is kept in the evaluation, which is queued again (or failed, the third time), and raised.
    """
    evaluation = Evaluation.objects.select_related("call__agent").filter(pk=pk).first()
    if evaluation is None or not is_recorded(evaluation.call):
        return False
    claim = claim_evaluation(pk)
    if claim is None:
        return False
    _tell(pk)
    try:
        with kept(claim.renew, settings.EVALUATION_LEASE_S):
            _make(evaluation.call, claim, activity or make_activity(), judge, ears or configured_ears())
    except ClaimLost:
        log.warning("Evaluation %s was taken over by another worker; nothing was saved twice.", pk)
        return False
    except Exception as error:
        # Whatever a metric or criterion did wrong: the reason is kept and shown, and the task's own log has the rest.
        _put_back(claim, error)
        raise
    finally:
        _tell(pk)
    return True


def give_up() -> int:
    """Fail the waiting evaluations that were tried too often; how many."""
    spent = waiting_evaluations().filter(attempts__gte=MAX_ATTEMPTS)
    failed = 0
    for pk, error in list(spent.values_list("pk", "error")):
        reason = error or f"The worker stopped during each of {MAX_ATTEMPTS} attempts."
        if spent.filter(pk=pk).order_by().update(**_failure(reason)):
            failed += 1
            _tell(pk)
    return failed


def configured_ears() -> SpeechToText | None:
    """The ears that check the agent's voice; None where KLIX_MEASURE_EARS is not set."""
    return make_ears(settings.MEASURE_EARS, EarsSetup()) if settings.MEASURE_EARS else None


def _make(call: Call, claim: Claim, activity: VoiceActivity, judge: Judge | None, ears: SpeechToText | None) -> None:
    record = call_record(call, activity, ears, claim.renew)
    claim.renew()
    figures = measure_all(record)
    claim.renew()
    asked, unusable = _judge(judge)
    material = Material(
        record, {f.metric.name: f for f in figures}, RenewingJudge(asked, claim) if asked else None, site_fetch()
    )
    judged = apply_all(list(criteria_for(call)), material, unusable)
    claim.renew()
    _save(call, claim, material, judged)


def site_fetch() -> Fetcher:
    return Fetcher(allow_private=settings.ALLOW_PRIVATE_WEBHOOKS)


def _judge(given: Judge | None) -> tuple[Judge | None, str]:
    """The judge, and why the configured one cannot be used."""
    try:
        return given or configured_judge(), ""
    except Misconfigured as error:
        return None, error.message


def _save(call: Call, claim: Claim, material: Material, judged: Sequence[Judged]) -> None:
    said = people_said(call)
    verdicts = [_verdict(claim.pk, criterion, judgement, said) for criterion, judgement in judged]
    outcome = overall((each.counted, each.is_critical) for each in verdicts)
    critical = [(judgement.outcome, judgement.decided_by) for criterion, judgement in judged if criterion.is_critical]
    cause = cause_of(outcome, material.record, material.figures, critical)
    found = {
        "outcome": counted_outcome(outcome, cause.cause if cause else "", call.status, call.ending),
        "score": score((each.counted, each.weight) for each in verdicts),
        "cause": cause.cause if cause else "",
        "cause_reason": cause.reason[:300] if cause else "",
    }
    with transaction.atomic():
        # First, so that the row's lock keeps others out until the verdicts are in.
        claim.settle(state=Evaluation.State.DONE, error="", finished_at=timezone.now(), **found)
        Measurement.objects.bulk_create(_measurement(claim.pk, figure) for figure in material.figures.values())
        Verdict.objects.bulk_create(verdicts)


def _measurement(evaluation_id: int, figure: Figure) -> Measurement:
    metric, reading = figure.metric, figure.reading
    return Measurement(
        evaluation_id=evaluation_id,
        metric=metric.name,
        metric_version=metric.version,
        unit=metric.unit,
        value=reading.value,
        n=reading.n,
        note=reading.note,
        parts=dict(reading.parts),
        occurrences=[asdict(occurrence) for occurrence in reading.occurrences],
    )


def _verdict(evaluation_id: int, criterion: Criterion, judgement: Judgement, said: Mapping[int, str]) -> Verdict:
    kind = get_type(criterion.kind)
    return Verdict(
        evaluation_id=evaluation_id,
        criterion=criterion,
        criterion_name=criterion.name,
        kind=criterion.kind,
        kind_version=kind.version if kind else 0,
        config=criterion.config,
        is_critical=criterion.is_critical,
        weight=criterion.weight,
        outcome=judgement.outcome,
        said=said.get(criterion.pk, "") if criterion.kind.startswith(JUDGED) else "",
        reason=judgement.reason,
        evidence=[asdict(evidence) for evidence in judgement.evidence],
        decided_by=judgement.decided_by,
        prompt_hash=judgement.prompt_hash,
        votes=[dict(vote) for vote in judgement.votes],
        cost=judgement.cost,
    )


def _put_back(claim: Claim, error: Exception) -> None:
    """Queued again for the sweep; failed if that was the last attempt."""
    reason = f"{type(error).__name__}: {error}"[:500]
    try:
        spent = Evaluation.objects.filter(pk=claim.pk, attempts__gte=MAX_ATTEMPTS).exists()
        claim.settle(**(_failure(reason) if spent else {"state": Evaluation.State.QUEUED, "error": reason}))
    except ClaimLost:
        log.warning("Evaluation %s failed here after another worker had taken it over.", claim.pk)


def _failure(reason: str) -> dict[str, Any]:
    return {
        "state": Evaluation.State.FAILED,
        "outcome": Outcome.ERROR,
        "error": reason[:500],
        "claim": None,
        "claimed_until": None,
        "finished_at": timezone.now(),
    }


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.EVALUATION_LEASE_S)


def _tell(pk: int) -> None:
    evaluation = Evaluation.objects.filter(pk=pk).first()
    if evaluation is not None:
        evaluation_changed(evaluation)


class RenewingJudge:
    """The judge, with the claim renewed before each question: many slow answers do not outlast the lease."""

    def __init__(self, judge: Judge, claim: Claim) -> None:
        self.name, self.varies = judge.name, judge.varies
        self._judge, self._claim = judge, claim

    def ask(
        self,
        question: str,
        transcript: Sequence[TurnRecord],
        *,
        guidance: str = "",
        vote: int = 0,
        choices: Sequence[str] = (),
    ) -> Ballot:
        self._claim.renew()
        return self._judge.ask(question, transcript, guidance=guidance, vote=vote, choices=choices)
