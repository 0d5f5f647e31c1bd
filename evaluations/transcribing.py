"""The transcript of a finished recording, after which its call is concluded, measured and judged like any other.

Of a call that was brought in, all of it; of one whose process died, what nobody had transcribed by then: those turns
stay, and the stretches of speech between them are heard now.

A transcription is claimed by a conditional update with a lease, as an evaluation is: a worker that dies leaves a claim
that runs out, and the sweep sends the transcription again.
"""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents.errors import ProviderError
from agents.models import AgentVersion
from agents.ports import SpeechToText, VoiceActivity
from agents.provider_settings import provider_options
from agents.providers.registry import EarsSetup, make_activity, make_ears
from agents.vocabulary import keywords
from calls.audio import wav
from calls.models import Call, CallEvent, Recording, Transcription, Turn
from calls.recorder import NO_WORDS
from calls.services import conclude_if_over
from evaluations.keeping import ClaimLost, kept
from evaluations.stretches import Row, Span, heard, spans_of

MAX_ATTEMPTS: Final = 3
# While turns are renumbered their indexes are unique all the same.
OUT_OF_THE_WAY: Final = 1_000_000


def waiting_transcriptions() -> QuerySet[Transcription]:
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    return Transcription.objects.filter(unclaimed, state=Transcription.State.WAITING).order_by("pk")


def transcribe(pk: int, *, activity: VoiceActivity | None = None, ears: SpeechToText | None = None) -> bool:
    """Make the transcript and conclude the call; whether this call of it did. Blocking.

    Ears that fail leave it waiting; the third time, or where trying again cannot help, the call is concluded without
    what is missing and says why.
    """
    token = uuid.uuid4()
    won = waiting_transcriptions().filter(pk=pk).order_by().update(
        claim=token, claimed_until=_lease_end(), attempts=F("attempts") + 1
    )  # fmt: skip
    if not won:
        return False
    wanted = Transcription.objects.select_related("call__agent_version").get(pk=pk)
    try:
        with kept(lambda: _renew(wanted, token), settings.EVALUATION_LEASE_S):
            rows = _rows(wanted, activity, ears)
    except ProviderError as error:
        if error.retryable and wanted.attempts < MAX_ATTEMPTS:
            Transcription.objects.filter(pk=pk, claim=token).update(claim=None, claimed_until=None)
            raise
        return _save(wanted, token, [], error)
    return _save(wanted, token, rows)


def _rows(wanted: Transcription, activity: VoiceActivity | None, ears: SpeechToText | None) -> list[Row]:
    if wanted.turns is not None:
        return list(wanted.turns)
    version = wanted.call.agent_version
    assert version is not None
    frames, _ = wav.read(settings.RECORDINGS_DIR / (wanted.file or wanted.call.recording.file))
    spans = spans_of(frames, activity or make_activity(), settings.ENDPOINTING_MS, _told(wanted.call))
    return asyncio.run(heard(frames, spans, ears or _ears(version), version.language, keywords(version.prompt)))


def _told(call: Call) -> list[Span]:
    """The stretches that were transcribed while the call went on, those without words too."""
    turns = [Span(turn.side, turn.start_ms, turn.end_ms) for turn in call.turns.all()]
    noises = call.events.filter(name=NO_WORDS, at_ms__isnull=False)
    return turns + [Span(noise.side, noise.at_ms or 0, noise.data["end_ms"]) for noise in noises]


def _ears(version: AgentVersion) -> SpeechToText:
    """The agent's ears, else the site's. Raises Misconfigured."""
    name = version.ears or settings.DEFAULT_EARS
    options = provider_options("ears", name, version.ears_options)
    return make_ears(name, EarsSetup(version.language, options))


# --- Saving -----------------------------------------------------------------------------------------------------------
def _save(wanted: Transcription, token: uuid.UUID, rows: Sequence[Row], error: ProviderError | None = None) -> bool:
    """In one transaction, guarded by the claim: turns, recording, and the call's end."""
    call = wanted.call
    with transaction.atomic():
        held = Transcription.objects.filter(pk=wanted.pk, claim=token, state=Transcription.State.WAITING)
        # The given words are turns now: whoever deletes those has deleted all.
        if not held.update(state=Transcription.State.DONE, claim=None, claimed_until=None, turns=None):
            return False
        _add_turns(call, rows)
        if wanted.file:
            Recording.objects.create(
                call=call,
                state=Recording.State.READY,
                file=wanted.file,
                channels=wanted.channels,
                duration_ms=wanted.duration_ms,
            )
        if error is not None:
            _tell_failure(call, error)
        conclude_if_over(call.pk)
    return True


def _add_turns(call: Call, rows: Sequence[Row]) -> None:
    """Among those that are there: indexes count the turns in the order in which they began."""
    if not rows:
        return
    turns = [*call.turns.order_by("index"), *(Turn(call=call, **row) for row in rows)]
    call.turns.update(index=F("index") + OUT_OF_THE_WAY)
    for index, turn in enumerate(sorted(turns, key=lambda turn: turn.start_ms)):
        turn.index = index
    Turn.objects.bulk_update([turn for turn in turns if turn.pk], ["index"])
    Turn.objects.bulk_create(turn for turn in turns if not turn.pk)


def _tell_failure(call: Call, error: ProviderError) -> None:
    message = f"{call.error_message} The recording could not be transcribed: {error.message}".strip()
    Call.objects.filter(pk=call.pk).update(error_message=message[:500])
    data = {"capability": "ears", "provider": error.provider, "message": error.message, "outcome": "no transcript"}
    CallEvent.objects.create(call=call, name="ProviderFailed", data=data)


def _renew(wanted: Transcription, token: uuid.UUID) -> None:
    """Raises ClaimLost."""
    if not Transcription.objects.filter(pk=wanted.pk, claim=token).update(claimed_until=_lease_end()):
        raise ClaimLost


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.EVALUATION_LEASE_S)
