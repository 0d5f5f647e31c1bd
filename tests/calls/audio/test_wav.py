import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.audio import mulaw, wav


def test_a_stereo_file_comes_back_as_it_was(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32768, 32768, (500, 2)).astype(np.int16)
    wav.write(tmp_path / "a.wav", samples, 8000)
    back, rate_hz = wav.read(tmp_path / "a.wav")
    assert rate_hz == 8000
    assert np.array_equal(back, samples)


def test_the_header_is_the_one_of_the_standard_library(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(400))
    expected = (tmp_path / "b.wav").read_bytes()[: wav.HEADER_BYTES]
    assert wav.header(100, channels=2, sample_rate_hz=8000) == expected


def test_mono_is_one_channel(tmp_path: Path) -> None:
    wav.write(tmp_path / "m.wav", np.arange(10).astype(np.int16), 16000)
    samples, rate_hz = wav.read(tmp_path / "m.wav")
    assert (samples[:, 0].tolist(), samples.shape, rate_hz) == (list(range(10)), (10, 1), 16000)


def test_a_file_that_was_cut_off_gives_its_whole_frames(tmp_path: Path) -> None:
    path = tmp_path / "cut.wav"
    wav.write(path, np.ones((100, 2), np.int16), 8000)
    path.write_bytes(path.read_bytes()[:-13])
    assert wav.frames_in(path.stat().st_size, channels=2) == 96
    assert len(wav.read(path)[0]) == 96


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wave file at all, but long enough for one header"])
def test_what_is_not_a_wave_file_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.wav is not a WAV file"):
        wav.read(tmp_path / "x.wav")


def test_samples_of_another_width_are_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "8.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes(8))
    with pytest.raises(ValueError, match="8-bit"):
        wav.read(tmp_path / "8.wav")


@given(st.binary(max_size=400), st.binary(max_size=400))
def test_two_channels_of_the_line_become_one_stereo(left: bytes, right: bytes) -> None:
    stereo = np.frombuffer(wav.stereo_from_mulaw(left, right), "<i2").reshape(-1, 2)
    assert len(stereo) == max(len(left), len(right))
    assert np.array_equal(stereo[: len(left), 0], mulaw.decode(left))
    assert np.array_equal(stereo[: len(right), 1], mulaw.decode(right))
    assert not stereo[len(left) :, 0].any()
    assert not stereo[len(right) :, 1].any()
