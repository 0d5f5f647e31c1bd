"""Speech segments of a recorded channel. Pure: the detector arrives as an argument.

The detector says *whether* somebody speaks: a span opens where its probability reaches `OPEN` and lasts until it has
stayed below `CLOSE`. It answers late and in windows of 32 ms, so what is in and around the span says *when*, by 5 ms:
the sounds that are audible as speech (`evaluations.audibility`) where the noise leaves that to be seen in their power,
and that are more likely than not (`evaluations.noise`) where it does not.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples, VoiceActivity
from evaluations.audibility import MARGIN_DB, SAMPLE_RATE_HZ, STEP_MS, Contour, Flags, Run, active_level
from evaluations.gaps import bridged
from evaluations.noise import NoisyChannel
from evaluations.record import Segment

PAUSE_MS: Final = 200  # a shorter pause does not end a segment
OPEN: Final = 0.5
CLOSE: Final = 0.35
BEFORE_MS: Final = 240  # how far beyond the detector's span its speech may begin …
AFTER_MS: Final = 260  # … and end …
UNBROKEN_MS: Final = 300  # … and how much further a sound without a break may reach
TOGETHER_MS: Final = 600  # spans with less between them have one level: they are one utterance
ENOUGH_STEPS: Final = 200  # a second of noise alone tells its spectrum
LEAST_STEPS: Final = 20  # less than 100 ms of it tells nothing: the channel is taken for quiet
LIKELY: Final = 0.5


def speech_segments(samples: Samples, activity: VoiceActivity) -> tuple[Segment, ...]:
    """Segments of speech in one channel. `samples`: shape (n,), int16, 8 kHz; times from its first sample."""
    samples = bridged(samples)
    spans = _spans(activity.probabilities(samples), 1000 * activity.window_samples / SAMPLE_RATE_HZ)
    if not spans:
        return ()
    channel = _Channel(samples, spans)
    pieces = [piece for spoken in _utterances(spans) for piece in _sounds(channel, spoken)]
    return _joined(pieces)


class _Channel:
    """The channel's power, and what its noise is. Spectra are made only where they are needed."""

    def __init__(self, samples: Samples, spans: Sequence[Segment]) -> None:
        self._samples = samples
        self.contour = Contour(samples)
        self.quiet = self._quiet(spans, UNBROKEN_MS)
        if np.count_nonzero(self.quiet) < ENOUGH_STEPS:
            self.quiet = self._quiet(spans, 0)
        noise = self.contour.power[self.quiet]
        is_known = len(noise) >= LEAST_STEPS
        self.noise = float(noise.mean()) if is_known else 0.0
        self._loud_noise = float(np.percentile(noise, 95)) if is_known else 0.0
        self._noisy: NoisyChannel | None = None

    def _quiet(self, spans: Sequence[Segment], further_ms: int) -> Flags:
        """Where the detector hears nobody, far from where it does."""
        quiet = np.ones(self.contour.steps, bool)
        for span in spans:
            quiet[self.steps_around(span, further_ms)] = False
        return quiet

    def steps_around(self, span: Segment, further_ms: int = 0) -> slice:
        first_ms, last_ms = span.start_ms - BEFORE_MS - further_ms, span.end_ms + AFTER_MS + further_ms
        return slice(max(0, first_ms) // STEP_MS, min(self.contour.steps, last_ms // STEP_MS + 1))

    def sounds(self, faintest: float, around: slice) -> list[Run]:
        """What is audible in `around`, each without a break."""
        if self._loud_noise < faintest:
            audible = self.contour.audible(faintest, self.noise)
            return [self.contour.trimmed(run, faintest, self.noise) for run in _runs(audible, around)]
        self._noisy = self._noisy or NoisyChannel(self._samples, self.quiet)
        presence = np.zeros(self.contour.steps)
        presence[around] = self._noisy.presence(faintest, around.start, around.stop)
        return [(first, last + 1) for first, last in _runs(presence > LIKELY, around)]


def _sounds(channel: _Channel, spoken: Sequence[Segment]) -> list[Segment]:
    """The audible parts of an utterance, with pauses of any length between them."""
    near = np.zeros(channel.contour.steps, bool)
    for span in spoken:
        near[channel.steps_around(span)] = True
    voice = np.maximum(channel.contour.power[near] - channel.noise, 0)
    faintest = active_level(voice) * 10 ** (-MARGIN_DB / 10)
    if not faintest:
        return []
    around = channel.steps_around(Segment(spoken[0].start_ms, spoken[-1].end_ms), UNBROKEN_MS)
    touching = [(first, last) for first, last in channel.sounds(faintest, around) if near[first:last].any()]
    return [Segment(first * STEP_MS, last * STEP_MS) for first, last in touching if first < last]


def _utterances(spans: Sequence[Segment]) -> list[list[Segment]]:
    groups: list[list[Segment]] = []
    for span in spans:
        if groups and span.start_ms - groups[-1][-1].end_ms < TOGETHER_MS:
            groups[-1].append(span)
        else:
            groups.append([span])
    return groups


def _runs(flags: Flags, around: slice) -> list[Run]:
    """The unbroken stretches of what is `around`."""
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flags[around].astype(np.int8), [0]]))) + around.start
    return [(int(first), int(last)) for first, last in zip(changes[::2], changes[1::2], strict=True)]


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


def _joined(pieces: list[Segment]) -> tuple[Segment, ...]:
    joined: list[Segment] = []
    for piece in sorted(pieces, key=lambda piece: piece.start_ms):
        if joined and piece.start_ms - joined[-1].end_ms < PAUSE_MS:
            joined[-1] = Segment(joined[-1].start_ms, max(joined[-1].end_ms, piece.end_ms))
        else:
            joined.append(piece)
    return tuple(joined)
