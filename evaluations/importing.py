"""The transcript of an imported call, after which it is concluded, measured and judged like any other.

An import is claimed by a conditional update with a lease, as an evaluation is: a worker that dies leaves a claim that
runs out, and the sweep sends the import again.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from agents.errors import ProviderError
from agents.models import AgentVersion
from agents.ports import Audio, SpeechToText, VoiceActivity
from agents.provider_settings import provider_options
from agents.providers.registry import EarsSetup, make_activity, make_ears
from calls.audio import wav
from calls.models import Call, CallEvent, CallImport, Recording, Turn
from calls.services import conclude_if_over
from calls.states import Side
from evaluations.audibility import SAMPLE_RATE_HZ
from evaluations.record import Segment
from evaluations.segments import speech_segments

MAX_ATTEMPTS: Final = 3
MAX_TURN_MS: Final = 60_000
AROUND_MS: Final = 150  # ears hear a word's first sound better with some silence before it
SIDES: Final[Sequence[str]] = (Side.CALLER, Side.AGENT)
Row = dict[str, Any]


class ClaimLost(Exception):
    """Another worker took the import over."""


@dataclass(frozen=True, slots=True)
class Span:
    side: str  # "" where the recording is mono
    start_ms: int
    end_ms: int


def waiting_imports() -> QuerySet[CallImport]:
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    return CallImport.objects.filter(unclaimed, state=CallImport.State.WAITING).order_by("pk")


def transcribe_import(pk: int, *, activity: VoiceActivity | None = None, ears: SpeechToText | None = None) -> bool:
    """Make the transcript and conclude the call; whether this call of it did. Blocking.

    Ears that fail leave the import waiting; the third time, or where trying again cannot help, the call is concluded
    without a transcript and says why.
    """
    token = uuid.uuid4()
    won = waiting_imports().filter(pk=pk).order_by().update(
        claim=token, claimed_until=_lease_end(), attempts=F("attempts") + 1
    )  # fmt: skip
    if not won:
        return False
    imported = CallImport.objects.select_related("call__agent_version").get(pk=pk)
    try:
        rows = _rows(imported, token, activity, ears)
    except ClaimLost:
        return False
    except ProviderError as error:
        if error.retryable and imported.attempts < MAX_ATTEMPTS:
            CallImport.objects.filter(pk=pk, claim=token).update(claim=None, claimed_until=None)
            raise
        return _save(imported, token, [], error)
    return _save(imported, token, rows)


def _rows(
    imported: CallImport, token: uuid.UUID, activity: VoiceActivity | None, ears: SpeechToText | None
) -> list[Row]:
    if imported.turns is not None:
        return list(imported.turns)
    version = imported.call.agent_version
    assert version is not None
    frames, _ = wav.read(settings.RECORDINGS_DIR / imported.file)
    spans = spans_of(frames, activity or make_activity())
    return asyncio.run(_heard(frames, spans, ears or _ears(version), version.language, lambda: _renew(imported, token)))


def _ears(version: AgentVersion) -> SpeechToText:
    """The agent's ears, else the site's. Raises Misconfigured."""
    name = version.ears or settings.DEFAULT_EARS
    options = provider_options("ears", name, version.ears_options)
    return make_ears(name, EarsSetup(version.language, (), options))


# --- What was said when -----------------------------------------------------------------------------------------------
def spans_of(frames: npt.NDArray[np.int16], activity: VoiceActivity) -> list[Span]:
    """The turns' times. `frames`: shape (n, 1) or (n, 2), left caller, right agent. As on a live call, a pause of
    ENDPOINTING_MS ends a turn."""
    sides = SIDES if frames.shape[1] == 2 else ("",)
    spans: list[Span] = []
    for number, side in enumerate(sides):
        for segment in speech_segments(np.ascontiguousarray(frames[:, number]), activity):
            _add(spans, side, segment)
    return sorted(spans, key=lambda span: (span.start_ms, span.end_ms))


def _add(spans: list[Span], side: str, segment: Segment) -> None:
    last = spans[-1] if spans and spans[-1].side == side else None
    if (
        last is not None
        and segment.start_ms - last.end_ms < settings.ENDPOINTING_MS
        and segment.end_ms - last.start_ms <= MAX_TURN_MS
    ):
        spans[-1] = Span(side, last.start_ms, segment.end_ms)
    else:
        spans.append(Span(side, segment.start_ms, segment.end_ms))


async def _heard(
    frames: npt.NDArray[np.int16],
    spans: Sequence[Span],
    ears: SpeechToText,
    language: str,
    renew: Callable[[], None],
) -> list[Row]:
    rows: list[Row] = []
    for span in spans:
        await asyncio.to_thread(renew)
        audio, offset_ms = _audio(frames, span)
        heard = await ears.transcribe(audio, language=language)
        if heard.text:
            words = [
                {"text": word.text, "start_ms": word.start_ms + offset_ms, "end_ms": word.end_ms + offset_ms}
                for word in heard.words
            ]
            times = {"start_ms": span.start_ms, "end_ms": span.end_ms}
            rows.append({"side": span.side, "text": heard.text, "language": heard.language, "words": words, **times})
    return rows


def _audio(frames: npt.NDArray[np.int16], span: Span) -> tuple[Audio, int]:
    """The span's sound with a margin, and when it begins."""
    channel = SIDES.index(span.side) if span.side else 0
    first_ms, last_ms = max(0, span.start_ms - AROUND_MS), span.end_ms + AROUND_MS
    per_ms = SAMPLE_RATE_HZ // 1000
    samples = np.ascontiguousarray(frames[first_ms * per_ms : last_ms * per_ms, channel])
    return Audio(samples, SAMPLE_RATE_HZ), first_ms


# --- Saving -----------------------------------------------------------------------------------------------------------
def _save(imported: CallImport, token: uuid.UUID, rows: Sequence[Row], error: ProviderError | None = None) -> bool:
    """In one transaction, guarded by the claim: turns, recording, and the call's end."""
    call = imported.call
    with transaction.atomic():
        held = CallImport.objects.filter(pk=imported.pk, claim=token, state=CallImport.State.WAITING)
        if not held.update(state=CallImport.State.DONE, claim=None, claimed_until=None):
            return False
        Turn.objects.bulk_create(Turn(call=call, index=index, **row) for index, row in enumerate(rows))
        if imported.file:
            Recording.objects.create(
                call=call,
                state=Recording.State.READY,
                file=imported.file,
                channels=imported.channels,
                duration_ms=imported.duration_ms,
            )
        if error is not None:
            _tell_failure(call, error)
        conclude_if_over(call.pk)
    return True


def _tell_failure(call: Call, error: ProviderError) -> None:
    message = f"The recording could not be transcribed: {error.message}"
    Call.objects.filter(pk=call.pk).update(error_message=message[:500])
    data = {"capability": "ears", "provider": error.provider, "message": error.message, "outcome": "no transcript"}
    CallEvent.objects.create(call=call, name="ProviderFailed", data=data)


def _renew(imported: CallImport, token: uuid.UUID) -> None:
    """Raises ClaimLost."""
    if not CallImport.objects.filter(pk=imported.pk, claim=token).update(claimed_until=_lease_end()):
        raise ClaimLost


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.EVALUATION_LEASE_S)
