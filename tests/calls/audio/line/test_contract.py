"""What every line condition keeps, whichever there are."""

import numpy as np
import pytest

from calls.audio import mulaw
from calls.audio.line.chain import Chain
from calls.audio.line.presets import PRESETS
from calls.audio.line.registry import conditions, register
from calls.audio.line.spec import parse_line
from calls.states import Side
from tests.calls.audio.line.signals import example, passed, speech

NAMES = list(conditions())
every_condition = pytest.mark.parametrize("name", NAMES)


def test_the_conditions_of_the_house_are_found() -> None:
    expected = {"packet loss", "jitter", "delay", "level", "clipping", "narrow band", "noise", "echo"}
    assert expected <= set(NAMES)


@every_condition
def test_as_many_samples_come_out_as_go_in(name: str) -> None:
    signal = speech(2)
    assert passed(signal, example(name)).shape == signal.shape


@every_condition
def test_the_same_seed_gives_the_same_samples(name: str) -> None:
    signal, heard = speech(4), speech(4, seed=8)
    first, again = (passed(signal, example(name), seed=3, heard=heard) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@every_condition
def test_it_changes_what_is_sent(name: str) -> None:
    signal, heard = speech(20), speech(20, seed=8)
    assert not np.array_equal(passed(signal, example(name), heard=heard), signal)


@every_condition
def test_it_does_not_write_into_what_it_is_given(name: str) -> None:
    signal, heard = speech(2), speech(2, seed=8)
    before = signal.copy(), heard.copy()
    passed(signal, example(name), heard=heard)
    np.testing.assert_array_equal(signal, before[0])
    np.testing.assert_array_equal(heard, before[1])


@every_condition
def test_it_says_what_it_is(name: str) -> None:
    assert conditions()[name].label
    assert all(field.metadata["range"] for field in conditions()[name].parameters.values())


@pytest.mark.parametrize("name", ["packet loss", "jitter", "noise"])
def test_another_seed_gives_other_samples(name: str) -> None:
    signal = speech(30)
    assert not np.array_equal(passed(signal, example(name), seed=1), passed(signal, example(name), seed=2))


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_makes_a_line_for_both_directions(preset: str) -> None:
    spec = parse_line({"preset": preset, "seed": 4})
    frame = mulaw.encode(speech(2)[-160:].astype(np.int16))
    for side in Side:
        assert len(Chain(spec.filters(side))(frame, frame)) == 160


def test_a_name_taken_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="Two line conditions are named 'delay'"):
        register("delay", label="Again")(type("Again", (), {}))
