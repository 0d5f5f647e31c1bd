"""Sounds and waiting for the tests of providers."""

import asyncio
import re
from collections.abc import Callable

import jiwer
import numpy as np

from agents.ports import Audio, Samples
from agents.providers.registry import make_voice
from agents.resampling import resample
from calls.audio import mulaw

NUMBERS = {"4719": "four seven one nine", "4 7 1 9": "four seven one nine", "$12.50": "twelve dollars and fifty cents"}


async def until(is_done: Callable[[], bool]) -> None:
    """Runs the event loop until `is_done`, for at most 20 s."""
    async with asyncio.timeout(20):
        for _ in iter(is_done, True):
            await asyncio.sleep(0)


async def said(voice: str, text: str, **options: object) -> Audio:
    """What a voice says, in one piece at its own rate."""
    pieces = [piece async for piece in make_voice(voice, options=options).synthesize(text)]
    return Audio(np.concatenate([piece.samples for piece in pieces]), pieces[0].sample_rate_hz)


async def speech(voice: str, text: str) -> Samples:
    """The same at 8 kHz."""
    audio = await said(voice, text)
    return resample(audio.samples, audio.sample_rate_hz, 8000)


async def over_the_phone(voice: str, text: str) -> Audio:
    """The same as the far end gets it: μ-law, with silence before and after."""
    samples = await speech(voice, text)
    padded = np.concatenate([np.zeros(1600, np.int16), samples, np.zeros(3200, np.int16)])
    return Audio(mulaw.decode(mulaw.encode(padded)), 8000)


def noise(level_dbfs: float, seconds: float = 2.0) -> Samples:
    random = np.random.default_rng(5).standard_normal(int(8000 * seconds))
    return (random * 32768 * 10 ** (level_dbfs / 20)).clip(-32768, 32767).astype(np.int16)


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Wrong words and words said, after spelling out the numbers of the test sentences."""
    reference, hypothesis = _plain(said), _plain(heard)
    found = jiwer.process_words(reference, hypothesis)
    return found.substitutions + found.deletions + found.insertions, len(reference.split())


def _plain(text: str) -> str:
    for digits, words in NUMBERS.items():
        text = text.replace(digits, words)
    text = re.sub(r"[^a-z' ]", " ", text.lower())
    return " ".join(text.split()).replace("cheese burger", "cheeseburger")
