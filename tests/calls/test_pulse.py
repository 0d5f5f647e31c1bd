"""The beat that writes the audio of all live calls."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest

from calls import pulse as beat
from calls.pulse import Pulse, Track


def no_lease(_: Collection[int]) -> set[int]:
    """The first beat renews: here there is nothing to renew."""
    return set()


class WatchedTrack(Track):
    def __init__(self, call_id: int, path: Path) -> None:
        super().__init__(call_id, path)
        self.was_taken = asyncio.Event()

    def take(self) -> tuple[bytes, bytes]:
        self.was_taken.set()
        return super().take()


def interleaved(caller: bytes, agent: bytes) -> bytes:
    return bytes(byte for pair in zip(caller, agent, strict=True) for byte in pair)


async def test_what_is_left_of_a_call_is_written_when_it_leaves(tmp_path: Path) -> None:
    pulse, track = Pulse(no_lease), Track(1, tmp_path / "call.ulaw2")
    pulse.join(track)
    track.add(b"aaa", b"bbb")
    track.add(b"c", b"d")
    await pulse.leave(track)
    assert track.path.read_bytes() == interleaved(b"aaac", b"bbbd")
    assert track.dropped == 0


async def test_one_beat_writes_what_came_in_of_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "PULSE_S", 0)
    pulse, tracks = Pulse(no_lease), [WatchedTrack(n, tmp_path / f"{n}.ulaw2") for n in range(3)]
    for track in tracks:
        track.add(b"x", b"y")
        pulse.join(track)
    for track in tracks:
        await track.was_taken.wait()
        assert track.is_empty
    for track in tracks:
        await pulse.leave(track)
        assert track.path.read_bytes() == b"xy"


async def test_audio_that_the_disk_does_not_take_waits_and_keeps_its_order(tmp_path: Path) -> None:
    pulse, track = Pulse(no_lease), Track(1, tmp_path / "call.ulaw2")
    track.path.mkdir()
    track.add(b"1", b"2")
    await pulse.leave(track)
    assert track.dropped == 1
    track.path.rmdir()
    track.add(b"3", b"4")
    await pulse.leave(track)
    assert track.path.read_bytes() == b"1234"


def test_audio_beyond_five_minutes_without_a_disk_is_dropped_and_counted() -> None:
    track = Track(1, Path("unused"))
    minute = b"\xff" * 8000 * 60
    for _ in range(6):
        track.add(minute, minute)
    assert track.dropped == 1
    assert len(track.take()[0]) == 5 * len(minute)


async def test_a_call_that_is_to_end_is_told_so_with_its_lease(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beat, "PULSE_S", 0)
    pulse, told = Pulse(lambda _: {1}), asyncio.Event()
    ends, stays = (Track(n, tmp_path / f"{n}.ulaw2") for n in (1, 2))
    ends.on_hung_up = told.set
    stays.on_hung_up = lambda: pytest.fail("This call goes on.")
    for track in (ends, stays):
        pulse.join(track)
    await told.wait()
    for track in (ends, stays):
        await pulse.leave(track)
