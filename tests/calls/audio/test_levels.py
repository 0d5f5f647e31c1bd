import numpy as np
import pytest

from calls.audio.levels import FLOOR_DBFS, contour_dbfs, peak_dbfs, rms_dbfs


def test_a_full_scale_sine_is_three_decibels_below_full_scale() -> None:
    sine = (32767 * np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)).astype(np.int16)
    assert rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert peak_dbfs(sine) == pytest.approx(0, abs=0.01)


def test_the_lowest_sample_does_not_overflow() -> None:
    assert peak_dbfs(np.array([-32768], np.int16)) == 0.0
    assert rms_dbfs(np.full(10, -32768, np.int16)) == 0.0


@pytest.mark.parametrize("samples", [np.zeros(0, np.int16), np.zeros(800, np.int16)])
def test_silence_and_nothing_have_the_floor_level(samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    assert rms_dbfs(samples) == peak_dbfs(samples) == FLOOR_DBFS


def test_the_contour_has_a_level_per_full_ten_milliseconds() -> None:
    samples = np.concatenate([np.zeros(160, np.int16), np.full(85, 3276, np.int16)])
    assert contour_dbfs(samples).tolist() == pytest.approx([FLOOR_DBFS, FLOOR_DBFS, -20], abs=0.01)
