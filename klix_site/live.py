"""What the apps announce, passed on to open pages."""

from typing import Any

from calls.broadcast import evaluation_changed_sync
from evaluations.models import Evaluation


def show_evaluation(evaluation: Evaluation, **_: Any) -> None:
    """Receiver of `evaluation_changed`."""
    evaluation_changed_sync(evaluation.call.public_id)
