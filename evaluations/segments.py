"""Speech segments of a recorded channel. Pure: the detector arrives as an argument.

The detector says *whether* somebody speaks: a span opens where its probability reaches `OPEN` and lasts until it has
stayed below `CLOSE`. It answers late and in windows of 32 ms, so what is in and around the span says *when*, by 10 ms:
on a quiet channel, from the first to the last within `BELOW_LEVEL_DB` of the span's loud parts (its 95th percentile);
where noise reaches up to that level, from the first to the last that is also unlike the noise (`evaluations.noise`).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples, VoiceActivity
from evaluations.noise import unlike_noise
from evaluations.record import Segment

SAMPLE_RATE_HZ: Final = 8000
STEP_MS: Final = 10
PAUSE_MS: Final = 200  # a shorter pause does not end a segment
OPEN: Final = 0.5
CLOSE: Final = 0.35
BEFORE_MS: Final = 240  # how far speech may reach beyond the detector's span
AFTER_MS: Final = 160
AFTER_IN_NOISE_MS: Final = 260
BELOW_LEVEL_DB: Final = 25.0  # under the span's loud parts: the faintest sound that counts as its speech
ABOVE_NOISE_DB: Final = 3.0  # so far above the noise a level is told by its energy
GAP_STEPS: Final = 12  # within a word under noise
SUBTRACTED: Final = 1.5  # how many times the mean noise spectrum is subtracted; noise varies around its mean
LEAST_STEPS: Final = 3  # a shorter sound is a flicker of the noise
QUIET_DBFS: Final = -75.0  # digital silence is given this level

Contour = npt.NDArray[np.float64]
_STEP: Final = SAMPLE_RATE_HZ * STEP_MS // 1000


def speech_segments(samples: Samples, activity: VoiceActivity) -> tuple[Segment, ...]:
    """Segments of speech in one channel. `samples`: shape (n,), int16, 8 kHz; times from its first sample."""
    spans = _spans(activity.probabilities(samples), 1000 * activity.window_samples / SAMPLE_RATE_HZ)
    if not spans:
        return ()
    contour = _contour(samples)
    quiet = _quiet(len(contour), spans)
    if not quiet.any():
        return _joined([piece for span in spans for piece in _energetic(contour, span)])
    noise_db = float(np.percentile(contour[quiet], 95))
    noisy = [span for span in spans if noise_db + ABOVE_NOISE_DB > _faintest_db(contour, span)]
    if not noisy:
        return _joined([piece for span in spans for piece in _energetic(contour, span)])
    voice = _without_noise(samples, quiet)
    sounds = unlike_noise(samples, quiet) | (voice > np.percentile(voice[quiet], 95) + ABOVE_NOISE_DB)
    pieces = [_sounding(sounds, voice, span) if span in noisy else _energetic(contour, span) for span in spans]
    return _joined([piece for each in pieces for piece in each])


def _contour(samples: Samples) -> Contour:
    """The level of each 10 ms without its direct current, in dBFS: shape (ceil(n / 80),)."""
    steps = -(-len(samples) // _STEP)
    padded = np.zeros(steps * _STEP)
    padded[: len(samples)] = samples
    return _decibels((padded.reshape(steps, _STEP) / 32768).var(axis=1))


def _without_noise(samples: Samples, quiet: npt.NDArray[np.bool_]) -> Contour:
    """The same, with the noise's mean spectrum subtracted (Boll, 1979), over three steps."""
    padded = np.zeros(len(quiet) * _STEP)
    padded[: len(samples)] = samples
    power = 2 * np.abs(np.fft.rfft(padded.reshape(-1, _STEP) / 32768, axis=1)[:, 1:]) ** 2 / _STEP**2
    voice = np.maximum(power - SUBTRACTED * power[quiet].mean(axis=0), 0).sum(axis=1)
    return _decibels(np.convolve(voice, np.ones(3) / 3, "same"))


def _decibels(power: Contour) -> Contour:
    contour: Contour = np.maximum(10 * np.log10(power + 1e-12), QUIET_DBFS)
    return contour


def _spans(probabilities: npt.NDArray[np.float32], window_ms: float) -> list[Segment]:
    """Hysteresis: from the first window at `OPEN` to the last one not below `CLOSE`."""
    spans, start = [], None
    for index, probability in enumerate([*probabilities.tolist(), 0.0]):
        if start is None and probability >= OPEN:
            start = index
        elif start is not None and probability < CLOSE:
            spans.append(Segment(round(start * window_ms), round(index * window_ms)))
            start = None
    return spans


def _quiet(steps: int, spans: list[Segment]) -> npt.NDArray[np.bool_]:
    """Where the detector hears nobody, with a margin."""
    quiet = np.ones(steps, bool)
    for span in spans:
        quiet[max(0, span.start_ms - BEFORE_MS) // STEP_MS : (span.end_ms + AFTER_MS) // STEP_MS + 1] = False
    return quiet


def _around(contour: Contour, span: Segment, after_ms: int = AFTER_MS) -> tuple[int, int]:
    """The steps of the span, widened by what the detector misses."""
    return max(0, span.start_ms - BEFORE_MS) // STEP_MS, min(len(contour), (span.end_ms + after_ms) // STEP_MS)


def _faintest_db(contour: Contour, span: Segment) -> float:
    first, last = _around(contour, span)
    return float(np.percentile(contour[first:last], 95)) - BELOW_LEVEL_DB


def _energetic(contour: Contour, span: Segment) -> list[Segment]:
    """The parts of the widened span whose energy is speech."""
    first, last = _around(contour, span)
    found = np.flatnonzero(contour[first:last] > _faintest_db(contour, span))
    return [Segment(start, end) for start, end in _runs(first + found, PAUSE_MS // STEP_MS)]


def _sounding(sounds: npt.NDArray[np.bool_], voice: Contour, span: Segment) -> list[Segment]:
    """The parts of the widened span that are unlike the noise, and loud enough without it."""
    first, last = _around(voice, span, AFTER_IN_NOISE_MS)
    found = first + np.flatnonzero(sounds[first:last] & (voice[first:last] > _faintest_db(voice, span)))
    runs = _runs(found, GAP_STEPS)
    return [Segment(start, end) for start, end in runs if end - start >= LEAST_STEPS * STEP_MS]


def _runs(steps: npt.NDArray[np.int64], gap: int) -> list[tuple[int, int]]:
    """From–to in milliseconds of steps with at most `gap` steps from one to the next."""
    if not len(steps):
        return []
    breaks = np.flatnonzero(np.diff(steps) > gap)
    starts, ends = [steps[0], *steps[breaks + 1]], [*steps[breaks], steps[-1]]
    return [(int(start) * STEP_MS, (int(end) + 1) * STEP_MS) for start, end in zip(starts, ends, strict=True)]


def _joined(pieces: list[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for piece in sorted(pieces, key=lambda piece: piece.start_ms):
        if joined and piece.start_ms - joined[-1].end_ms < PAUSE_MS:
            joined[-1] = Segment(joined[-1].start_ms, max(joined[-1].end_ms, piece.end_ms))
        else:
            joined.append(piece)
    return tuple(joined)
