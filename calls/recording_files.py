"""The stereo recording's file: interleaved μ-law while the call lasts, a 16-bit WAV when it is over."""

import wave
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings

from calls.audio import mulaw
from calls.models import Recording
from calls.telephony.protocol import SAMPLE_RATE_HZ

BLOCK_BYTES = 1 << 20


def raw_path(call_id: UUID) -> Path:
    """Where a call's audio is collected while it lasts."""
    return Path(settings.RECORDINGS_DIR) / f"{call_id}.ulaw2"


def append(path: Path, caller: bytes, agent: bytes) -> None:
    """Add a stretch of both channels, of equal length, whole or not at all: OSError where the disk does not take it."""
    if len(caller) != len(agent):
        raise ValueError(f"The channels differ in length: {len(caller)} and {len(agent)} bytes.")
    both = np.empty(2 * len(caller), np.uint8)
    both[0::2] = np.frombuffer(caller, np.uint8)
    both[1::2] = np.frombuffer(agent, np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        if file.write(both.tobytes()) != len(both):
            # Half a stretch would swap the channels of all that follows.
            file.truncate(before)
            raise OSError("The disk took only a part of the recording.")


def finish(call_id: int) -> None:
    """Make the WAV of what was recorded, and say how long it is. May run twice, and after a crash in its middle."""
    recording = Recording.objects.filter(call_id=call_id, state=Recording.State.OPEN).first()
    if recording is None:
        return
    raw = Path(settings.RECORDINGS_DIR) / recording.file
    if not raw.exists() or raw.stat().st_size < 2:
        Recording.objects.filter(pk=recording.pk).update(state=Recording.State.EMPTY, file="")
        return
    frames = raw.stat().st_size // 2
    target = raw.with_suffix(".wav")
    _write_wav(raw, target, frames)
    Recording.objects.filter(pk=recording.pk).update(
        state=Recording.State.READY, file=target.name, duration_ms=frames * 1000 // SAMPLE_RATE_HZ
    )
    raw.unlink(missing_ok=True)


def _write_wav(raw: Path, target: Path, frames: int) -> None:
    new = target.with_suffix(".new")
    with raw.open("rb") as source, wave.open(str(new), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        left = 2 * frames  # an odd byte at the end is half a frame that a killed process left
        while left and (block := source.read(min(left, BLOCK_BYTES))):
            left -= len(block)
            out.writeframes(mulaw.decode(block).astype("<i2").tobytes())
    new.replace(target)
