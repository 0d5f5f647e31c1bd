"""Finished recordings of any common format → 8 kHz 16-bit frames. Blocking; no Django."""

from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt
import soundfile

from calls.audio.resample import Resampler

FORMATS: Final = {"WAV", "WAVEX", "RF64", "MP3", "OGG", "FLAC"}
RATE_HZ: Final = 8000
BLOCK_FRAMES: Final = 1 << 16


class UnusableAudio(ValueError):
    """The file cannot be taken in; the text says why and what to do."""


def read_audio(file: BinaryIO, *, max_minutes: float) -> npt.NDArray[np.int16]:
    """Shape (n,) for mono, (n, 2) for stereo, at 8 kHz. Raises UnusableAudio."""
    try:
        with soundfile.SoundFile(file) as sound:
            _check(sound, max_minutes)
            return _resampled(sound, max_minutes)
    except soundfile.LibsndfileError as error:
        raise UnusableAudio(
            f"This file cannot be read as audio ({error.error_string.strip()}). Give WAV, MP3, OGG or FLAC."
        ) from error


def _check(sound: soundfile.SoundFile, max_minutes: float) -> None:
    if sound.format not in FORMATS:
        raise UnusableAudio(f"The format {sound.format} is not taken. Give WAV, MP3, OGG or FLAC.")
    if sound.channels > 2:
        raise UnusableAudio(f"The file has {sound.channels} channels: give one with one channel, or one a side.")
    if sound.frames > max_minutes * 60 * sound.samplerate:
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
        raise UnusableAudio("The file holds no audio.")
    channels = [np.concatenate(part) for part in parts]
    return channels[0] if len(channels) == 1 else np.stack(channels, axis=1)


def _too_long(max_minutes: float) -> UnusableAudio:
    return UnusableAudio(f"The recording is longer than {max_minutes:g} minutes (KLIX_IMPORT_MAX_MINUTES).")
