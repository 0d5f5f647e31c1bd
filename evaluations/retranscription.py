"""The agent's audio, understood once more by other ears: what the figure Speaking compares its text with."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from agents.ports import Audio, Samples, SpeechToText
from calls.states import Side
from evaluations.record import TurnRecord

PER_MS: Final = 8
AROUND_MS: Final = 150


def reheard(turns: Sequence[TurnRecord], agent: Samples, ears: SpeechToText) -> Mapping[str, str]:
    """Turn id → text, of each agent turn. `agent`: the channel at 8 kHz. Blocking. Raises ProviderError."""
    return asyncio.run(_reheard([turn for turn in turns if turn.side is Side.AGENT and turn.said], agent, ears))


async def _reheard(turns: Sequence[TurnRecord], agent: Samples, ears: SpeechToText) -> dict[str, str]:
    return {turn.id: (await ears.transcribe(_audio(turn, agent), language=turn.language)).text for turn in turns}


def _audio(turn: TurnRecord, agent: Samples) -> Audio:
    first, last = max(0, turn.start_ms - AROUND_MS), turn.end_ms + AROUND_MS
    return Audio(np.ascontiguousarray(agent[first * PER_MS : last * PER_MS]), 8000)
