"""The sandbox's answering machine: a greeting, a tone, then silence while it records."""

from typing import Final

import numpy as np

from calls.audio import mulaw
from calls.sandbox import sound
from calls.sandbox.leg import Leg
from calls.sandbox.performance import Speaker
from calls.telephony.protocol import SAMPLE_RATE_HZ

GREETING: Final = "Hello. Nobody can take your call right now. Please leave a message after the tone."
# The longest message: then the machine hangs up.
RECORDS_S: Final = 120.0
_TONE_HZ: Final = 1000
_TONE_S: Final = 0.5


async def greet(leg: Leg, speak: Speaker | None) -> None:
    """Returns when the tone is over. Without a voice there is only the tone. Raises CallFailed."""
    if speak is not None:
        await leg.play(sound.from_audio(await speak(GREETING, "", "")))
    await leg.play(tone())
    leg.beeped.set()


def tone() -> bytes:
    times = np.arange(int(_TONE_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return mulaw.encode((8000 * np.sin(2 * np.pi * _TONE_HZ * times)).astype(np.int16))
