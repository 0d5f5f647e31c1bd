"""Each condition does what it says: measured on its output."""

import numpy as np
import numpy.typing as npt
import pytest

from calls.audio.line.registry import FRAME_SAMPLES, SAMPLE_RATE_HZ, Signal
from tests.calls.audio.line.signals import active, lag_ms, level_db, passed, silence, speech, tone


def lost_frames(**settings: object) -> npt.NDArray[np.bool_]:
    ones = np.full(40_000 * FRAME_SAMPLES, 1000.0)
    out = passed(ones, {"condition": "packet loss", "concealed": False, **settings})
    lost: npt.NDArray[np.bool_] = (out.reshape(-1, FRAME_SAMPLES) == 0).all(axis=1)
    return lost


# --- Loss -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("percent", "burst"), [(1, 0), (5, 0), (5, 4), (20, 2), (60, 8)])
def test_as_many_frames_are_lost_as_asked(percent: float, burst: float) -> None:
    lost = lost_frames(percent=percent, burst_frames=burst)
    assert 100 * lost.mean() == pytest.approx(percent, rel=0.1)


@pytest.mark.parametrize("burst", [2, 5, 12])
def test_losses_come_in_bursts_of_the_length_asked(burst: float) -> None:
    lost = lost_frames(percent=10, burst_frames=burst)
    begun = int((lost[1:] & ~lost[:-1]).sum())
    assert lost.sum() / begun == pytest.approx(burst, rel=0.1)


def test_without_bursts_a_loss_says_nothing_of_the_next_frame() -> None:
    lost = lost_frames(percent=20)
    assert lost[1:][lost[:-1]].mean() == pytest.approx(0.2, abs=0.01)


def test_concealment_goes_on_with_the_last_pitch_period_and_fades_in_60_ms() -> None:
    settings = {"condition": "packet loss", "percent": 10, "burst_frames": 10}
    sent = tone(60, 200)
    bare, mended = passed(sent, {**settings, "concealed": False}), passed(sent, settings)
    frames, silent = mended.reshape(-1, FRAME_SAMPLES), (bare.reshape(-1, FRAME_SAMPLES) == 0).all(axis=1)
    starts = [i for i in range(5, len(silent) - 4) if silent[i : i + 4].all() and not silent[i - 5 : i].any()]
    assert len(starts) > 10
    for start in starts:
        np.testing.assert_allclose(frames[start][:80], sent.reshape(-1, FRAME_SAMPLES)[start][:80], atol=400)
        levels = [level_db(frames[start + k]) for k in range(3)]
        assert levels == sorted(levels, reverse=True)
        assert not frames[start + 3].any()


# --- Jitter, delay ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ms", [1, 20, 147.5, 600, 2000])
def test_a_delay_is_as_long_as_asked(ms: float) -> None:
    sent = speech(8)
    assert lag_ms(sent, passed(sent, {"condition": "delay", "ms": ms})) == pytest.approx(ms, abs=0.2)


def test_jitter_delays_by_its_buffer() -> None:
    sent = speech(20)
    settings = {"condition": "jitter", "every_s": 5, "burst_ms": 200, "buffer_ms": 60}
    assert lag_ms(sent, passed(sent, settings)) == pytest.approx(60, abs=5)


def test_a_jitter_burst_costs_what_the_buffer_cannot_hold() -> None:
    # Of 200 ms the first 140 come after their time; concealed for 60 ms, then silent.
    sent = np.full(4000 * FRAME_SAMPLES, 1000.0)
    settings = {"condition": "jitter", "every_s": 4, "burst_ms": 200, "buffer_ms": 60}
    out = passed(sent, settings)[SAMPLE_RATE_HZ:]
    edges = np.flatnonzero(np.diff((out == 0).astype(int)))
    gaps_ms = (edges[1::2] - edges[::2][: len(edges[1::2])]) * 1000 / SAMPLE_RATE_HZ
    assert len(gaps_ms) > 10
    assert set(gaps_ms) == {140 - 50}  # after 50 ms the repeated period has faded


def test_a_buffer_longer_than_the_bursts_loses_nothing() -> None:
    sent = np.full(1000 * FRAME_SAMPLES, 1000.0)
    out = passed(sent, {"condition": "jitter", "every_s": 1, "burst_ms": 100, "buffer_ms": 120})
    assert (out[SAMPLE_RATE_HZ:] == 1000).all()


# --- Level, clipping, band --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("db", [-30, -6, 6])
def test_the_level_changes_by_the_decibels_asked(db: float) -> None:
    sent = speech(5)
    assert level_db(passed(sent, {"condition": "level", "db": db})) - level_db(sent) == pytest.approx(db, abs=0.01)


def test_clipping_cuts_at_its_level_and_nowhere_else() -> None:
    sent = tone(1, 200, amplitude=10_000)
    out = passed(sent, {"condition": "clipping", "dbfs": -20})
    assert np.abs(out).max() == pytest.approx(32768 / 10)
    quiet = np.abs(sent) < 3000
    np.testing.assert_array_equal(out[quiet], sent[quiet])


@pytest.mark.parametrize(("hz", "least_db", "most_db"), [(100, -200, -40), (1000, -0.2, 0.2), (3500, -200, -40)])
def test_a_narrow_band_passes_its_middle_and_stops_the_rest(hz: float, least_db: float, most_db: float) -> None:
    sent = tone(3, hz)
    out = passed(sent, {"condition": "narrow band", "low_hz": 400, "high_hz": 3000})
    change_db = level_db(out[SAMPLE_RATE_HZ:]) - level_db(sent[SAMPLE_RATE_HZ:])
    assert least_db <= change_db <= most_db


# --- Noise, echo ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scene", ["babble", "street", "office", "music"])
@pytest.mark.parametrize(("snr_db", "dbfs"), [(10, -26), (0, -35), (20, -18)])
def test_noise_has_the_ratio_asked_whatever_the_level_of_the_voice(scene: str, snr_db: float, dbfs: float) -> None:
    sent = speech(48, dbfs)
    noise = passed(sent, {"condition": "noise", "scene": scene, "snr_db": snr_db}) - sent
    # Once some speech has been heard; over two rounds of the scene.
    kept = slice(16 * SAMPLE_RATE_HZ, None)
    measured_db = 10 * np.log10(active(sent[kept])) - level_db(noise[kept])
    assert measured_db == pytest.approx(snr_db, abs=0.5)


def test_noise_is_there_before_anybody_speaks() -> None:
    noise = passed(silence(16), {"condition": "noise", "scene": "street", "snr_db": 10})
    assert level_db(noise) - 20 * np.log10(32768) == pytest.approx(-33, abs=0.1)


def test_scenes_differ() -> None:
    def spectrum(scene: str) -> Signal:
        noise = passed(silence(16), {"condition": "noise", "scene": scene, "snr_db": 0})
        power = np.abs(np.fft.rfft(noise)) ** 2
        bands: Signal = power[: 100 * (len(power) // 100)].reshape(100, -1).sum(axis=1) / power.sum()
        return bands

    spectra = [spectrum(scene) for scene in ("babble", "street", "office", "music")]
    for index, one in enumerate(spectra):
        assert all(np.abs(one - other).sum() > 0.2 for other in spectra[index + 1 :])


def test_an_echo_is_as_late_and_as_weak_as_asked() -> None:
    heard = speech(10)
    echo = passed(silence(10), {"condition": "echo", "delay_ms": 130, "loss_db": 18}, heard=heard)
    assert lag_ms(heard, echo) == pytest.approx(130, abs=0.2)
    assert level_db(heard[:-2080]) - level_db(echo[2080:]) == pytest.approx(18, abs=0.1)
    sent = speech(10, seed=9)
    with_speech = passed(sent, {"condition": "echo", "delay_ms": 130, "loss_db": 18}, heard=heard)
    np.testing.assert_allclose(with_speech - sent, echo)
