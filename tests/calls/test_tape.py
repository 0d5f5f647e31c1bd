"""The far end's audio on the call's clock."""

import pytest

from calls.tape import Tape


def test_frames_lie_where_their_timestamps_say() -> None:
    tape = Tape()
    tape.append(b"\x01" * 160, 0)
    added = tape.append(b"\x02" * 160, 120)
    assert added == b"\xff" * 800 + b"\x02" * 160
    assert tape.now_ms == 140
    assert tape.cut(115, 125) == b"\xff" * 40 + b"\x02" * 40


def test_a_wobbling_timestamp_is_no_gap() -> None:
    tape = Tape()
    for timestamp_ms in (5, 25, 41, 70):
        tape.append(b"\x01" * 160, timestamp_ms)
    assert tape.now_ms == 80


def test_a_time_that_cannot_be_is_refused_and_changes_nothing() -> None:
    tape = Tape()
    with pytest.raises(ValueError, match="too far ahead"):
        tape.append(b"\x01" * 160, 10**9)
    assert tape.length == 0


def test_everything_is_taken_once_and_forgotten_only_after() -> None:
    tape = Tape()
    tape.append(b"\x01" * 1600, 0)
    tape.forget(100)
    assert tape.take() == b"\x01" * 1600
    assert tape.take() == b""
    tape.forget(100)
    assert tape.cut(0, 200) == b"\x01" * 800
    assert tape.now_ms == 200
