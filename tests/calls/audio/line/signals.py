"""Signals to send down a line, and the line itself, driven frame by frame."""

from typing import Any

import numpy as np

from calls.audio.line.registry import FRAME_SAMPLES, SAMPLE_RATE_HZ, Signal, conditions
from calls.audio.line.spec import parse_line
from calls.states import Side


def passed(signal: Signal, *settings: dict[str, Any], seed: int = 1, heard: Signal | None = None) -> Signal:
    """What the agent gets of what the caller sends. `heard` is what the caller hears, one frame late as on a call."""
    filters = parse_line({"caller": list(settings), "seed": seed}).filters(Side.CALLER)
    frames = signal.reshape(-1, FRAME_SAMPLES)
    far = np.zeros_like(frames)
    if heard is not None:
        far[1:] = heard.reshape(-1, FRAME_SAMPLES)[:-1]
    out = []
    for frame, other in zip(frames, far, strict=True):
        for each in filters:
            frame = each(frame, other)
        out.append(frame)
    return np.concatenate(out)


def speech(seconds: float, dbfs: float = -26.0, seed: int = 5) -> Signal:
    """Speech-like: noise in syllables of changing loudness, with pauses; its active parts have the given level."""
    random = np.random.default_rng(seed)
    sound = np.zeros(int(seconds * SAMPLE_RATE_HZ))
    at = SAMPLE_RATE_HZ // 2
    while at < len(sound):
        length = int(random.uniform(0.1, 0.3) * SAMPLE_RATE_HZ)
        piece = sound[at : at + length]
        piece += random.normal(size=len(piece)) * np.hanning(len(piece)) * random.uniform(0.6, 1.4)
        at += length + int((0.6 if random.random() < 0.2 else 0.02) * SAMPLE_RATE_HZ)
    active_power = active(sound)
    scaled: Signal = sound * 32768 * 10 ** (dbfs / 20) / np.sqrt(active_power)
    return scaled


def active(sound: Signal) -> float:
    """The mean power of active speech, by ITU-T P.56's margin: frames within 15.9 dB of that mean."""
    powers = (sound.reshape(-1, FRAME_SAMPLES) ** 2).mean(axis=1)
    mean = powers.mean()
    for _ in range(20):
        mean = powers[powers > mean * 10**-1.59].mean()
    return float(mean)


def silence(seconds: float) -> Signal:
    return np.zeros(int(seconds * SAMPLE_RATE_HZ))


def tone(seconds: float, hz: float, amplitude: float = 8000.0) -> Signal:
    times = np.arange(int(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    wave: Signal = amplitude * np.sin(2 * np.pi * hz * times)
    return wave


def lag_ms(sent: Signal, got: Signal) -> float:
    """By how much `got` is later, from the peak of their correlation."""
    size = 2 * len(sent)
    correlation = np.fft.irfft(np.fft.rfft(got, size) * np.conj(np.fft.rfft(sent, size)), size)
    return float(np.argmax(correlation[: len(sent)])) * 1000 / SAMPLE_RATE_HZ


def level_db(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(signal**2) + 1e-12))


# Settings with which each condition works; the contract test says when one is missing.
EXAMPLES: dict[str, dict[str, Any]] = {
    "packet loss": {"percent": 20, "burst_frames": 3},
    "noise": {"scene": "office", "snr_db": 10},
    "delay": {"ms": 120},
    "level": {"db": -12},
    "clipping": {"dbfs": -20},
}


def example(name: str) -> dict[str, Any]:
    """A condition with as little as it needs."""
    required = EXAMPLES.get(name, {})
    assert name in conditions()
    return {"condition": name, **required}
