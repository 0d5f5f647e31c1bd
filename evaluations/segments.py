"""Speech segments of a recorded channel. Pure: the detector arrives as an argument.

The detector says *whether* somebody speaks: a span opens where its probability reaches `OPEN` and lasts until it has
stayed below `CLOSE`. It answers late and in windows of 32 ms, so the 10 ms energy contour inside and around the span
says *when*: from the first to the last 10 ms within `BELOW_LEVEL_DB` of the span's loud parts (its 95th percentile).
Steady noise is taken out of the contour first, by spectral subtraction (Boll, 1979); what remains of it raises the
threshold, so that faint edges under a loud noise are found late.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples, VoiceActivity
from evaluations.record import Segment

SAMPLE_RATE_HZ: Final = 8000
STEP_MS: Final = 10
PAUSE_MS: Final = 200  # a shorter pause does not end a segment
OPEN: Final = 0.5
CLOSE: Final = 0.35
BEFORE_MS: Final = 160  # how far the energy may reach beyond the detector's span
AFTER_MS: Final = 160
BELOW_LEVEL_DB: Final = 25.0  # under the span's loud parts: the faintest sound that counts as its speech
ABOVE_NOISE_DB: Final = 3.0  # over what noise leaves after its spectrum was subtracted
SUBTRACTED: Final = 1.5  # how many times the mean noise spectrum is subtracted; noise varies around its mean
QUIET_DBFS: Final = -75.0  # digital silence is given this level

Contour = npt.NDArray[np.float64]
_STEP: Final = SAMPLE_RATE_HZ * STEP_MS // 1000


def speech_segments(samples: Samples, activity: VoiceActivity) -> tuple[Segment, ...]:
    """Segments of speech in one channel. `samples`: shape (n,), int16, 8 kHz; times from its first sample."""
    spans = _spans(activity.probabilities(samples), 1000 * activity.window_samples / SAMPLE_RATE_HZ)
    if not spans:
        return ()
    spectra = _spectra(samples)
    quiet = _quiet(len(spectra), spans)
    noise = spectra[quiet].mean(axis=0) if quiet.any() else np.zeros(spectra.shape[1])
    contour = _decibels(np.maximum(spectra - SUBTRACTED * noise, 0) @ _weights(spectra, noise))
    noise_db = float(np.percentile(contour[quiet], 95)) if quiet.any() else QUIET_DBFS
    return _joined([piece for span in spans for piece in _energetic(contour, span, noise_db)])


def _spectra(samples: Samples) -> Contour:
    """The power in each 10 ms by frequency, as shares of full scale: shape (ceil(n / 80), 41)."""
    steps = -(-len(samples) // _STEP)
    padded = np.zeros(steps * _STEP)
    padded[: len(samples)] = samples
    power = np.abs(np.fft.rfft(padded.reshape(steps, _STEP) / 32768, axis=1)) ** 2 / _STEP**2
    power[:, 1:-1] *= 2  # the half of the spectrum that rfft leaves out
    spectra: Contour = power[:, 1:]  # without the direct current
    return spectra


def _weights(spectra: Contour, noise: Contour) -> Contour:
    """How much each frequency tells: less where the channel's noise is stronger than its speech (a Wiener gain)."""
    speech = np.maximum(spectra.mean(axis=0) - noise, 0)
    weights: Contour = np.sqrt((speech + 1e-15) / (speech + noise + 1e-15))
    return weights


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


def _energetic(contour: Contour, span: Segment, noise_db: float) -> list[Segment]:
    """The parts of the span, widened by what the detector misses, whose energy is speech."""
    first = max(0, span.start_ms - BEFORE_MS) // STEP_MS
    part = contour[first : (span.end_ms + AFTER_MS) // STEP_MS]
    loud_db = float(np.percentile(part, 95))
    threshold_db = max(loud_db - BELOW_LEVEL_DB, min(noise_db + ABOVE_NOISE_DB, loud_db - 6))
    found = np.flatnonzero(part > threshold_db)
    if not len(found):
        return []
    breaks = np.flatnonzero(np.diff(found) * STEP_MS > PAUSE_MS)
    starts = [found[0], *found[breaks + 1]]
    ends = [*found[breaks], found[-1]]
    return [
        Segment(int(first + start) * STEP_MS, int(first + end + 1) * STEP_MS)
        for start, end in zip(starts, ends, strict=True)
    ]


def _joined(pieces: list[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for piece in sorted(pieces, key=lambda piece: piece.start_ms):
        if joined and piece.start_ms - joined[-1].end_ms < PAUSE_MS:
            joined[-1] = Segment(joined[-1].start_ms, max(joined[-1].end_ms, piece.end_ms))
        else:
            joined.append(piece)
    return tuple(joined)
