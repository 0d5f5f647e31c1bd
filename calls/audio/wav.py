"""16-bit WAV, and the stereo of a recording: caller left, agent right."""

import struct
import wave
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples
from calls.audio import mulaw

HEADER_BYTES: Final = 44


def header(frames: int, *, channels: int, sample_rate_hz: int) -> bytes:
    """The 44 bytes before `frames` frames of 16-bit PCM. A writer that appends rewrites them as the file grows."""
    frame_bytes = 2 * channels
    data_bytes = frames * frame_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", HEADER_BYTES - 8 + data_bytes, b"WAVE"),
        *(b"fmt ", 16, 1, channels, sample_rate_hz, sample_rate_hz * frame_bytes, frame_bytes, 16),
        *(b"data", data_bytes),
    )


def frames_in(file_bytes: int, *, channels: int) -> int:
    """How many whole frames a file of this size holds, whatever its header says: to repair one that was cut off."""
    return max(0, file_bytes - HEADER_BYTES) // (2 * channels)


def write(path: Path, samples: npt.NDArray[np.int16], sample_rate_hz: int) -> None:
    """`samples`: shape (n,) for mono, (n, channels) else."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    data = np.ascontiguousarray(samples).astype("<i2", copy=False).tobytes()
    path.write_bytes(header(len(samples), channels=channels, sample_rate_hz=sample_rate_hz) + data)


def read(path: Path) -> tuple[npt.NDArray[np.int16], int]:
    """Samples of shape (n, channels) and the sample rate. Raises ValueError for what is not 16-bit PCM in WAV."""
    try:
        with wave.open(str(path), "rb") as file:
            if file.getsampwidth() != 2:
                raise ValueError(f"{path.name} has {8 * file.getsampwidth()}-bit samples: write it with 16 bits.")
            channels, rate_hz = file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(f"{path.name} is not a WAV file that can be read: {error}.") from error
    whole = len(data) - len(data) % (2 * channels)
    samples: npt.NDArray[np.int16] = np.frombuffer(data[:whole], "<i2").astype(np.int16).reshape(-1, channels)
    return samples, rate_hz


def interleave(left: Samples, right: Samples) -> npt.NDArray[np.int16]:
    """Two channels as frames of shape (n, 2); the shorter one ends in silence."""
    frames = np.zeros((max(len(left), len(right)), 2), np.int16)
    frames[: len(left), 0] = left
    frames[: len(right), 1] = right
    return frames


def stereo_from_mulaw(left: bytes, right: bytes) -> bytes:
    """Two μ-law channels as the data of a stereo WAV; the shorter one ends in silence."""
    return interleave(mulaw.decode(left), mulaw.decode(right)).astype("<i2", copy=False).tobytes()
