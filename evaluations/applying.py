"""Criteria put to one call: each by its type, those with a condition after what they wait for."""

from collections.abc import Sequence

from evaluations.criteria.registry import Judgement, Material, get_type, whole_call
from evaluations.models import Criterion
from evaluations.outcomes import Outcome

Judged = tuple[Criterion, Judgement]


def apply_all(criteria: Sequence[Criterion], material: Material, unusable: str = "") -> list[Judged]:
    """In the order given. `unusable`: why the configured judge cannot be asked."""
    judgements: dict[int, Judgement] = {}
    by_pk = {criterion.pk: criterion for criterion in criteria}
    for criterion in criteria:
        _apply_after_condition(criterion, by_pk, judgements, material, unusable, ())
    return [(criterion, judgements[criterion.pk]) for criterion in criteria]


def _apply_after_condition(
    criterion: Criterion,
    by_pk: dict[int, Criterion],
    judgements: dict[int, Judgement],
    material: Material,
    unusable: str,
    waiting: tuple[int, ...],
) -> None:
    if criterion.pk in judgements:
        return
    other = by_pk.get(criterion.condition_id) if criterion.condition_id else None
    if criterion.pk in waiting:
        reason = "Its condition waits for itself. Edit the criterion."
        judgements[criterion.pk] = Judgement(Outcome.ERROR, reason)
        return
    if other is not None:
        _apply_after_condition(other, by_pk, judgements, material, unusable, (*waiting, criterion.pk))
        if criterion.pk in judgements:  # found to wait for itself on the way
            return
    unmet = _unmet(criterion, other, judgements, material)
    judgements[criterion.pk] = unmet or apply_one(criterion, material, unusable)


def _unmet(
    criterion: Criterion, other: Criterion | None, judgements: dict[int, Judgement], material: Material
) -> Judgement | None:
    if not criterion.condition_id:
        return None
    if other is None:
        reason = "The criterion on which it depends does not apply to this call."
        return Judgement(Outcome.NOT_APPLICABLE, reason, whole_call(material.record))
    outcome = judgements[other.pk].outcome
    if outcome == criterion.condition_outcome:
        return None
    reason = f"Applies only where “{other.name}” is {criterion.condition_outcome}; it is {outcome}."
    return Judgement(Outcome.NOT_APPLICABLE, reason, judgements[other.pk].evidence)


def apply_one(criterion: Criterion, material: Material, unusable: str = "") -> Judgement:
    kind = get_type(criterion.kind)
    if kind is None:
        return Judgement(Outcome.ERROR, f"There is no criterion type named {criterion.kind!r}. Edit the criterion.")
    if problems := kind.problems(criterion.config):
        told = "; ".join(f"{path or 'config'}: {message}" for path, message in problems)
        return Judgement(Outcome.ERROR, f"The criterion cannot be applied: {told}")
    judgement = kind.apply(criterion.config, material)
    if unusable and criterion.kind.startswith("judge") and judgement.outcome is Outcome.ERROR:
        return Judgement(Outcome.ERROR, f"The configured judge cannot be used: {unusable}", decided_by="judge")
    return judgement


def leads_back(condition: Criterion | None, criterion: Criterion) -> bool:
    """Whether the chain of what `condition` waits for comes to this criterion, or round to itself."""
    seen = {criterion.pk}
    while condition is not None and condition.pk not in seen:
        seen.add(condition.pk)
        condition = condition.condition
    return condition is not None
