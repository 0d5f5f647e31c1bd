import timeit
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.audio import mulaw

EVERY_SAMPLE = np.arange(-32768, 32768).astype(np.int16)
EVERY_CODE = bytes(range(256))


def reference_code(sample: int) -> int:
    """G.711 by its decision values: the segments of the 14-bit magnitude end at 31, 95, 223, … 8158."""
    value = sample >> 2
    magnitude = min(abs(value), 8158)
    segment = next(index for index in range(8) if magnitude < (64 << index) - 33 or index == 7)
    low = (32 << segment) - 33
    code = segment * 16 + (magnitude - low) // (2 << segment)
    return 0x7F - code if value < 0 else 0xFF - code


def test_every_sample_is_coded_as_the_standard_says() -> None:
    assert list(mulaw.encode(EVERY_SAMPLE)) == [reference_code(int(sample)) for sample in EVERY_SAMPLE]


def test_both_directions_agree_with_another_implementation() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="left the standard library in Python 3.13")
    assert mulaw.encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE.tobytes(), 2)
    assert mulaw.decode(EVERY_CODE).tobytes() == audioop.ulaw2lin(EVERY_CODE, 2)


def test_silence_is_the_code_of_zero() -> None:
    assert mulaw.encode(np.zeros(3, np.int16)) == mulaw.silence(3) == bytes([mulaw.SILENCE_BYTE] * 3)
    assert not mulaw.decode(mulaw.silence(3)).any()


@given(st.lists(st.integers(-32768, 32767)))
def test_the_error_is_at_most_half_a_step(samples: list[int]) -> None:
    given_samples = np.array(samples, np.int16)
    back = mulaw.decode(mulaw.encode(given_samples)).astype(int)
    loud = np.minimum(np.abs(given_samples.astype(int)), 32635)
    assert (np.abs(np.abs(back) - loud) <= (loud + 132) / 32 + 4).all()


@given(st.binary())
def test_what_was_decoded_is_coded_the_same_again_but_for_the_two_zeros(payload: bytes) -> None:
    assert mulaw.encode(mulaw.decode(payload)) == payload.replace(b"\x7f", b"\xff")


def test_samples_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="float64"):
        mulaw.encode(np.zeros(3))  # type: ignore[arg-type]


def test_slices_with_a_stride_are_coded_by_value() -> None:
    assert mulaw.encode(EVERY_SAMPLE[::7]) == mulaw.encode(EVERY_SAMPLE[::7].copy())


def test_a_frame_takes_a_few_microseconds() -> None:
    frame = EVERY_SAMPLE[:160]
    payload = mulaw.encode(frame)
    seconds = min(timeit.repeat(lambda: (mulaw.encode(frame), mulaw.decode(payload)), number=200, repeat=20)) / 200
    assert seconds < 50e-6
