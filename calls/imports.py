"""Finished calls that were held elsewhere, brought in: their audio, or their transcript, or both.

Here the material is checked and stored; the transcript is made by a task (evaluations/transcribing.py), and then the
call is concluded, measured and judged like any other.
"""

import io
import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.models import AgentVersion
from calls.audio import wav
from calls.imported_audio import RATE_HZ, UnusableAudio, read_audio
from calls.models import Call, Transcription
from calls.refusals import CallRefused
from calls.signals import transcription_wanted
from calls.states import Side, Status
from calls.telephony.twilio import NOT_FOUND_CODE, TelephonyError
from calls.telephony_account import telephony

RECORDING_SID: Final = re.compile(r"RE[0-9a-f]{32}")
MAX_TURNS: Final = 5_000
MAX_TURN_CHARS: Final = 20_000
MONO: Final = (
    "An imported mono recording: who speaks cannot be told, so the figures that need both sides are not given."
)
STEREO: Final = "An imported recording."
TRANSCRIPT_ONLY: Final = "An imported transcript without a recording: what is measured in sound is not given."


@dataclass(frozen=True, slots=True)
class GivenTurn:
    side: str
    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Material:
    """A finished call. Of `audio` and `recording_sid` at most one; without either, `turns`.

    `agent_is_left`: the agent is on the first channel (Klix's own recordings have it on the second).
    """

    agent_version: AgentVersion
    audio: BinaryIO | None = None
    recording_sid: str = ""
    turns: Sequence[GivenTurn] | None = None
    agent_is_left: bool = False
    started_at: datetime | None = None
    idempotency_key: str | None = None


def import_call(material: Material) -> Call:
    """The call, stored and waiting for its transcript. The same `idempotency_key` gives the same call.

    Raises CallRefused, whose `field` is "audio", "recording_sid" or "transcript".
    """
    if material.idempotency_key and (known := _imported_with(material.idempotency_key)):
        return known
    frames = _frames(material)
    if frames is None and not material.turns:
        raise CallRefused("Give a recording, a recording SID or a transcript with at least one turn.", "audio")
    public_id = uuid.uuid4()
    file = "" if frames is None else _stored(public_id, frames)
    try:
        return _created(material, public_id, frames, file)
    except IntegrityError:  # the same request, sent twice at once
        _discard(file)
        if not material.idempotency_key or not (known := _imported_with(material.idempotency_key)):
            raise
        return known


def _imported_with(key: str) -> Call | None:
    return Call.objects.filter(idempotency_key=key, direction=Call.Direction.IMPORTED).first()


# --- Audio ------------------------------------------------------------------------------------------------------------
def _frames(material: Material) -> "npt.NDArray[np.int16] | None":
    """Shape (n,) or (n, 2), left caller, right agent; None where no audio was given."""
    if material.audio is not None and material.recording_sid:
        raise CallRefused("Give either a file or a recording SID, not both.", "recording_sid")
    field = "recording_sid" if material.recording_sid else "audio"
    source = io.BytesIO(_fetched(material.recording_sid)) if material.recording_sid else material.audio
    if source is None:
        return None
    try:
        frames = read_audio(source, max_minutes=settings.IMPORT_MAX_MINUTES)
    except UnusableAudio as error:
        raise CallRefused(str(error), field) from error
    return frames[:, ::-1] if frames.ndim == 2 and material.agent_is_left else frames


def _fetched(recording_sid: str) -> bytes:
    if not RECORDING_SID.fullmatch(recording_sid):
        raise CallRefused("A recording SID is RE and 32 hexadecimal digits.", "recording_sid")
    try:
        return telephony().recording(recording_sid, max_bytes=settings.IMPORT_MAX_MB << 20)
    except TelephonyError as error:
        raise CallRefused(f"The exchange does not give this recording. {_why_not(error)}", "recording_sid") from error


def _why_not(error: TelephonyError) -> str:
    if error.code != NOT_FOUND_CODE:
        return error.message
    if settings.TELEPHONY == "sandbox":
        return "The sandbox keeps no recordings: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or upload the file."
    return "The account has no recording of this SID: compare it with the Twilio console, or upload the file."


def _stored(public_id: uuid.UUID, frames: npt.NDArray[np.int16]) -> str:
    directory = Path(settings.RECORDINGS_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    name = f"{public_id}.wav"
    wav.write(directory / name, frames, RATE_HZ)
    return name


def _discard(file: str) -> None:
    if file:
        (Path(settings.RECORDINGS_DIR) / file).unlink(missing_ok=True)


# --- Rows -------------------------------------------------------------------------------------------------------------
def _created(material: Material, public_id: uuid.UUID, frames: "npt.NDArray[np.int16] | None", file: str) -> Call:
    turns = material.turns or ()
    last_ms = max((turn.end_ms for turn in turns), default=0)
    duration_ms = last_ms if frames is None else 1000 * len(frames) // RATE_HZ
    lasted = timedelta(milliseconds=duration_ms)
    started_at = material.started_at or timezone.now() - lasted
    with transaction.atomic():
        call = Call.objects.create(
            public_id=public_id,
            agent=material.agent_version.agent,
            agent_version=material.agent_version,
            direction=Call.Direction.IMPORTED,
            status=Status.COMPLETED,
            idempotency_key=material.idempotency_key,
            answered_at=started_at,
            ended_at=started_at + lasted,
            notice=_notice(frames),
        )
        wanted = Transcription.objects.create(
            call=call,
            file=file,
            channels=0 if frames is None else frames.ndim,
            duration_ms=duration_ms,
            turns=None if material.turns is None else [asdict(turn) for turn in turns],
        )
        transaction.on_commit(lambda: _announce(wanted))
    return call


def _announce(wanted: Transcription) -> None:
    transcription_wanted.send(sender=Transcription, transcription=wanted)


def _notice(frames: "npt.NDArray[np.int16] | None") -> str:
    if frames is None:
        return TRANSCRIPT_ONLY
    return MONO if frames.ndim == 1 else STEREO


# --- Transcripts ------------------------------------------------------------------------------------------------------
def read_transcript(given: Any) -> list[GivenTurn]:
    """`{"turns": [{"side": "agent", "text": "…", "start": 0.9, "end": 6.2}]}`, or the list alone, or either as JSON
    text; times in seconds from the call's start. In order of time. Raises CallRefused (field "transcript")."""
    if isinstance(given, str | bytes):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise CallRefused("The transcript is not JSON.", "transcript") from error
    listed = given.get("turns") if isinstance(given, dict) else given
    if not isinstance(listed, list) or not listed:
        raise CallRefused('Write the transcript as {"turns": [{"side", "text", "start", "end"}]}.', "transcript")
    if len(listed) > MAX_TURNS:
        raise CallRefused(f"The transcript has more than {MAX_TURNS} turns.", "transcript")
    turns = [_turn(number, each) for number, each in enumerate(listed, start=1)]
    return sorted(turns, key=lambda turn: (turn.start_ms, turn.end_ms))


def _turn(number: int, given: Any) -> GivenTurn:
    if not isinstance(given, dict):
        raise _wrong(number, "it is not an object")
    side, text = given.get("side"), given.get("text")
    if side not in (Side.CALLER, Side.AGENT):
        raise _wrong(number, 'its side must be "caller" or "agent"')
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_TURN_CHARS or "\x00" in text:
        raise _wrong(number, f"its text must have 1 to {MAX_TURN_CHARS} characters")
    start_ms, end_ms = _ms(number, given.get("start")), _ms(number, given.get("end"))
    if end_ms < start_ms:
        raise _wrong(number, "it ends before it starts")
    return GivenTurn(str(side), text.strip(), start_ms, end_ms)


def _ms(number: int, value: Any) -> int:
    longest = settings.IMPORT_MAX_MINUTES * 60
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= longest:
        raise _wrong(number, f"start and end must be seconds from 0 to {longest}")
    return round(1000 * value)


def _wrong(number: int, what: str) -> CallRefused:
    return CallRefused(f"Turn {number} of the transcript: {what}.", "transcript")
