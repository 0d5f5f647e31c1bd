"""Evaluations in the background. A lost message loses nothing: the sweep finds what waits."""

import logging
from typing import Any, Final

from celery import shared_task
from django.db import transaction
from kombu.exceptions import OperationalError

from calls.models import Call, Transcription
from evaluations import services
from evaluations.selectors import MAX_ATTEMPTS, calls_without_evaluation, waiting_evaluations
from evaluations.transcribing import transcribe, waiting_transcriptions

log = logging.getLogger(__name__)
SWEEP_SIZE: Final = 50
# A message of the sweep that waited so long has been sent again by the next one.
SWEEP_EXPIRES_S: Final = 10


@shared_task(name="evaluations.evaluate_call")  # type: ignore[untyped-decorator]  # Celery ships no types
def evaluate_call(evaluation_id: int) -> None:
    services.evaluate(evaluation_id)


@shared_task(name="evaluations.sweep_evaluations")  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_evaluations() -> None:
    """Ask for the evaluations that nobody asked for, send the waiting ones again, give the hopeless ones up."""
    for call in calls_without_evaluation()[:SWEEP_SIZE]:
        services.request_evaluation(call)
    services.give_up()
    for pk in waiting_transcriptions().values_list("pk", flat=True)[:SWEEP_SIZE]:
        send_transcription(pk, expires_s=SWEEP_EXPIRES_S)
    waiting = waiting_evaluations().filter(attempts__lt=MAX_ATTEMPTS)
    for pk in waiting.values_list("pk", flat=True)[:SWEEP_SIZE]:
        send(pk, expires_s=SWEEP_EXPIRES_S)


def evaluate_when_ended(call: Call, **_: Any) -> None:
    """Receiver of `call_ended`."""
    evaluation = services.request_evaluation(call)
    if evaluation is not None:
        pk = evaluation.pk
        transaction.on_commit(lambda: send(pk))


def send(pk: int, expires_s: int | None = None) -> None:
    try:
        evaluate_call.apply_async((pk,), expires=expires_s)
    except OperationalError:
        log.warning("The task queue cannot be reached; the sweep will send evaluation %s later.", pk)


@shared_task(name="evaluations.transcribe_recording")  # type: ignore[untyped-decorator]  # Celery ships no types
def transcribe_recording(pk: int) -> None:
    transcribe(pk)


def transcribe_when_wanted(transcription: Transcription, **_: Any) -> None:
    """Receiver of `transcription_wanted`."""
    send_transcription(transcription.pk)


def send_transcription(pk: int, expires_s: int | None = None) -> None:
    try:
        transcribe_recording.apply_async((pk,), expires=expires_s)
    except OperationalError:
        log.warning("The task queue cannot be reached; the sweep will send transcription %s later.", pk)
