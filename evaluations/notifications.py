"""Telling others that an evaluation changed. A listener that fails does not undo the evaluation."""

from evaluations.models import Evaluation
from evaluations.signals import evaluation_changed as signal


def evaluation_changed(evaluation: Evaluation) -> None:
    """Call it after the commit. Django logs what a listener raises."""
    signal.send_robust(sender=Evaluation, evaluation=evaluation)
