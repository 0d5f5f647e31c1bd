from datetime import UTC, datetime

import pytest

from klix_site.formats import clock, masked, moment, seconds

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ms", "written"), [(0, "0:00"), (48_999, "0:48"), (60_000, "1:00"), (3_600_000, "60:00"), (None, "")]
)
def test_a_moment_of_a_call_is_written_in_minutes_and_seconds(ms: int | None, written: str) -> None:
    assert clock(ms) == written


def test_tenths_are_cut_not_rounded() -> None:
    assert clock(48_599, tenths=True) == "0:48.5"


def test_seconds_have_two_decimals() -> None:
    assert seconds(1264) == "1.26"
    assert seconds(None) == ""


def test_only_numbers_are_masked() -> None:
    assert masked("+14155550123") == "+14 ··· 0123"
    assert masked("client:dana") == "client:dana"
    assert masked("+1") == "+1"


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 11, 22, 9, 41, tzinfo=UTC), "Today 09:41"),
        (datetime(2026, 11, 21, 23, 5, tzinfo=UTC), "Yesterday 23:05"),
        (datetime(2026, 3, 3, 8, 0, tzinfo=UTC), "3 Mar 08:00"),
        (datetime(2025, 3, 3, 8, 0, tzinfo=UTC), "3 Mar 2025"),
    ],
)
def test_a_date_is_written_as_short_as_it_is_clear(at: datetime, written: str) -> None:
    assert moment(at, NOW) == written
