"""The waveform of a call that lasts: read from its growing file, one reader for all who watch."""

import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from calls import live_peaks, recording_files, watching
from calls.audio import mulaw
from calls.live_peaks import KEPT_PIECES, PIECE_BYTES, pieces_of


@pytest.fixture(autouse=True)
def recordings(settings: Any, tmp_path: Path) -> None:
    settings.RECORDINGS_DIR = tmp_path


def tone(seconds: float, level: int) -> bytes:
    at = np.arange(round(8000 * seconds)) / 8000
    return mulaw.encode((level * np.sin(2 * np.pi * 200 * at)).astype(np.int16))


def test_each_five_seconds_are_a_piece_with_both_sides() -> None:
    call = uuid4()
    recording_files.append(recording_files.raw_path(call), tone(7, 12_000), mulaw.silence(7 * 8000))
    first, second = pieces_of(call)
    assert (first.number, first.start_s, second.number, second.start_s) == (0, 0, 1, 5)
    assert first.caller.startswith("M0 50l1 -")
    assert first.agent == ""
    assert first.caller.count("l") == 2 * 126
    assert second.caller.count("l") == 2 * 51


def test_a_call_without_a_file_has_no_pieces() -> None:
    assert pieces_of(uuid4()) == []


def test_an_empty_file_has_no_pieces() -> None:
    call = uuid4()
    recording_files.raw_path(call).write_bytes(b"")
    assert pieces_of(call) == []


def test_of_a_long_call_the_last_minutes_are_kept() -> None:
    call = uuid4()
    recording_files.raw_path(call).write_bytes(b"\xff" * PIECE_BYTES * (KEPT_PIECES + 4))
    numbers = [piece.number for piece in pieces_of(call)]
    assert (len(numbers), numbers[0], numbers[-1]) == (KEPT_PIECES, 4, KEPT_PIECES + 3)


async def test_a_hundred_who_watch_are_served_by_one_reader_until_the_last_one_leaves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call = uuid4()
    path = recording_files.raw_path(call)
    recording_files.append(path, tone(1, 12_000), tone(1, 6000))
    monkeypatch.setattr(live_peaks, "EVERY_S", 0.001)
    reads: list[int] = []
    read = live_peaks.pieces_of

    def counted(public_id: Any, first: int = 0) -> list[live_peaks.Piece]:
        reads.append(first)
        return read(public_id, first)

    monkeypatch.setattr(live_peaks, "pieces_of", counted)
    inboxes = [asyncio.Queue[str]() for _ in range(100)]
    for inbox in inboxes:
        watching.join("call", inbox.put, lambda publish: live_peaks.follow(call, publish))
    assert all(['id="live-piece-0"' in await inbox.get() for inbox in inboxes])
    recording_files.append(path, tone(5, 12_000), tone(5, 6000))
    grown = {await inbox.get() for inbox in inboxes}
    assert len(grown) == 1
    assert len(reads) == 2
    task = watching._watches["call"].task
    assert task
    for inbox in inboxes:
        watching.leave("call", inbox.put)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "call" not in watching._watches


async def test_the_reader_ends_when_the_file_has_become_a_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_peaks, "EVERY_S", 0.001)
    call, sent = uuid4(), asyncio.Queue[str]()
    path = recording_files.raw_path(call)
    recording_files.append(path, tone(1, 12_000), tone(1, 6000))
    following = asyncio.create_task(live_peaks.follow(call, sent.put))
    await sent.get()
    path.unlink()
    await asyncio.wait_for(following, 30)
