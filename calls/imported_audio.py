"""Finished recordings of any common format → 8 kHz 16-bit frames. Blocking; no Django."""

import io
import struct
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import soundfile

from calls.audio.resample import Resampler

FORMATS: Final = {"WAV", "WAVEX", "RF64", "MP3", "OGG", "FLAC"}
RATE_HZ: Final = 8000
WANTED: Final = "Give WAV, MP3, OGG or FLAC: ffmpeg -i FILE recording.wav makes one."
CUT_S: Final = 1.0  # so much may be missing at the end: what encoders round
HEAD_BYTES: Final = 1 << 16
# A WAV file that was written without knowing its length says this or more, or 0.
UNKNOWN_BYTES: Final = 0x7FFF0000
BLOCK_FRAMES: Final = 1 << 16


class UnusableAudio(ValueError):
    """The file cannot be taken in; the text says why and what to do."""


def read_audio(file: BinaryIO, *, max_minutes: float) -> npt.NDArray[np.int16]:
    """Shape (n,) for mono, (n, 2) for stereo, at 8 kHz. Raises UnusableAudio."""
    try:
        cut_share = _missing_share(file)
        with soundfile.SoundFile(file) as sound:
            _check(sound, max_minutes)
            frames = _resampled(sound, max_minutes)
            told = sound.frames if _is_length_told(sound, file) else 0
            _check_whole(len(frames) / RATE_HZ, told / sound.samplerate, cut_share)
            return frames
    except soundfile.LibsndfileError as error:
        why = error.error_string.strip().rstrip(".")
        raise UnusableAudio(f"This file cannot be read as audio ({why}). {WANTED}") from error


def _check(sound: soundfile.SoundFile, max_minutes: float) -> None:
    if sound.format not in FORMATS:
        raise UnusableAudio(f"The format {sound.format} is not taken. {WANTED}")
    if sound.channels > 2:
        raise UnusableAudio(f"The file has {sound.channels} channels: give one with one channel, or one a side.")
    # What an MP3 says is often a guess: it is counted as it is read.
    if sound.format != "MP3" and sound.frames > max_minutes * 60 * sound.samplerate:
        raise _too_long(max_minutes)


def _resampled(sound: soundfile.SoundFile, max_minutes: float) -> npt.NDArray[np.int16]:
    """Block by block: a long file at 48 kHz is never whole in memory."""
    resamplers = [Resampler(sound.samplerate, RATE_HZ) for _ in range(sound.channels)]
    parts: list[list[npt.NDArray[np.int16]]] = [[] for _ in resamplers]
    frames = 0
    while True:
        block = sound.read(BLOCK_FRAMES, dtype="int16", always_2d=True)
        frames += len(block)
        if frames > max_minutes * 60 * sound.samplerate:
            raise _too_long(max_minutes)  # some formats do not say their length, or say a wrong one
        is_last = len(block) < BLOCK_FRAMES
        for number, resampler in enumerate(resamplers):
            parts[number].append(resampler.push(np.ascontiguousarray(block[:, number]), last=is_last))
        if is_last:
            break
    if not frames:
        raise UnusableAudio("The file holds no audio: see whether the right one was chosen.")
    channels = [np.concatenate(part) for part in parts]
    return channels[0] if len(channels) == 1 else np.stack(channels, axis=1)


def _too_long(max_minutes: float) -> UnusableAudio:
    return UnusableAudio(
        f"The recording is longer than {max_minutes:g} minutes (KLIX_IMPORT_MAX_MINUTES): cut it, or raise that."
    )


# --- Whether it is whole ----------------------------------------------------------------------------------------------
def _check_whole(there_s: float, told_s: float, missing_share: float) -> None:
    """`told_s`: what the file says, 0 where it does not; `missing_share`: of its bytes, by its header."""
    whole_s = max(told_s, there_s / (1 - missing_share))
    if whole_s - there_s > CUT_S:
        raise UnusableAudio(
            f"The file is cut off: it says that it holds {whole_s:.0f} s, and {there_s:.0f} s are there. "
            "Send the whole file."
        )


def _is_length_told(sound: soundfile.SoundFile, file: BinaryIO) -> bool:
    """Of an MP3 only where an encoder wrote a tag with its length; otherwise it is a guess from the first frames."""
    if sound.format != "MP3":
        return True
    at = file.tell()
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(at)
    return b"Xing" in head or b"Info" in head


def _missing_share(file: BinaryIO) -> float:
    """Of a WAV file's audio bytes, which its header promises: libsndfile takes what there is. 0 for other formats."""
    length = file.seek(0, io.SEEK_END)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return 0.0
    at = 12
    while at + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, at)
        if name == b"data":
            there = length - at - 8
            return 1 - there / size if there < size < UNKNOWN_BYTES and there else 0.0
        at += 8 + size + size % 2
    return 0.0
