"""The agent's audio, understood once more by other ears: what the figure Speaking compares its text with."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from asgiref.sync import async_to_sync, sync_to_async

from agents.ports import Audio, Samples, SpeechToText
from calls.states import Side
from evaluations.record import TurnRecord

PER_MS: Final = 8
AROUND_MS: Final = 150


def reheard(
    turns: Sequence[TurnRecord], agent: Samples, ears: SpeechToText, before_each: Callable[[], None] = lambda: None
) -> Mapping[str, str]:
    """Turn id → text, of each agent turn. `agent`: the channel at 8 kHz. Blocking. Raises ProviderError.

    `before_each` is called in this thread before each turn: many slow turns do not outlast a worker's claim, and what
    it raises ends the work.
    """
    return async_to_sync(_reheard)(
        [turn for turn in turns if turn.side is Side.AGENT and turn.said], agent, ears, before_each
    )


async def _reheard(
    turns: Sequence[TurnRecord], agent: Samples, ears: SpeechToText, before_each: Callable[[], None]
) -> dict[str, str]:
    found = {}
    for turn in turns:
        await sync_to_async(before_each)()
        found[turn.id] = (await ears.transcribe(_audio(turn, agent), language=turn.language)).text
    return found


def _audio(turn: TurnRecord, agent: Samples) -> Audio:
    first, last = max(0, turn.start_ms - AROUND_MS), turn.end_ms + AROUND_MS
    return Audio(np.ascontiguousarray(agent[first * PER_MS : last * PER_MS]), 8000)
