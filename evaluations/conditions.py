"""Criteria that wait for others."""

from evaluations.models import Criterion


def leads_back(criterion: Criterion | None, condition: Criterion | None) -> bool:
    """Whether a criterion (None: a new one) that waits for `condition` would wait for itself."""
    seen = {criterion.pk} if criterion else set()
    other = condition
    while other is not None:
        if other.pk in seen:
            return True
        seen.add(other.pk)
        other = other.condition
    return False
