"""The waveform of a call that lasts, read from the end of its recording's file as it grows.

It comes in pieces of a few seconds, each an element with an id of its own: the newest is sent again as it fills.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID

import numpy as np
import numpy.typing as npt
from asgiref.sync import sync_to_async
from django.template.loader import render_to_string

from calls import recording_files
from calls.audio import mulaw
from calls.outlines import path_of_levels
from calls.telephony.protocol import SAMPLE_RATE_HZ
from calls.watching import Send

COLUMN: Final = SAMPLE_RATE_HZ * 40 // 1000  # samples, as in the finished recording's outline
PIECE_COLUMNS: Final = 125  # five seconds
PIECE_BYTES: Final = 2 * COLUMN * PIECE_COLUMNS
KEPT_PIECES: Final = 36  # three minutes: what is older comes with the finished recording
EVERY_S: Final = 0.3
# The loudest that speech on a line usually is; a call that lasts cannot be scaled by its own loudest moment.
LOUD: Final = 16_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Paths in a box of PIECE_COLUMNS × 100, one a side."""

    number: int
    start_s: int
    caller: str
    agent: str


def pieces_of(public_id: UUID, first: int = 0) -> list[Piece]:
    """The last pieces of what is on the disk, from number `first` on. [] where there is nothing."""
    path = recording_files.raw_path(public_id)
    try:
        size = path.stat().st_size
        newest = (size - 1) // PIECE_BYTES
        first = max(first, newest - KEPT_PIECES + 1, 0)
        with path.open("rb") as file:
            file.seek(first * PIECE_BYTES)
            read = file.read(size - first * PIECE_BYTES) if size else b""
    except FileNotFoundError:
        return []
    parts = [read[at : at + PIECE_BYTES] for at in range(0, len(read), PIECE_BYTES)]
    return [_piece(number, part) for number, part in enumerate(parts, start=first)]


def _piece(number: int, stretch: bytes) -> Piece:
    samples = mulaw.decode(stretch[: len(stretch) // 2 * 2]).reshape(-1, 2)
    caller, agent = (path_of_levels(_levels(samples[:, side])) for side in (0, 1))
    return Piece(number, 5 * number, caller, agent)


def _levels(samples: npt.NDArray[np.int16]) -> list[float]:
    padded = np.pad(np.abs(samples.astype(np.int32)), (0, -len(samples) % COLUMN)).reshape(-1, COLUMN)
    levels: list[float] = np.minimum(padded.max(axis=1) / LOUD, 1.0).round(3).tolist() if len(padded) else []
    return levels


def pieces_html(pieces: list[Piece]) -> str:
    return "".join(render_to_string("calls/_live_piece.html", {"piece": piece, "oob": True}) for piece in pieces)


async def follow(public_id: UUID, publish: Send) -> None:
    """All there is first, then each time only the pieces that grew. Ends when the file is gone: it became a WAV."""
    path = recording_files.raw_path(public_id)
    size, was_there = 0, False
    while True:
        now = await sync_to_async(_size)(path)
        if was_there and now is None:
            return
        if now is not None and now > size:
            html = await sync_to_async(_grown)(public_id, size)
            size, was_there = now, True
            await publish(html)
        await asyncio.sleep(EVERY_S)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _grown(public_id: UUID, size: int) -> str:
    return pieces_html(pieces_of(public_id, size // PIECE_BYTES))
