"""What a scenario's `line` may say, and what is said of one that it may not."""

import json
from typing import Any

import pytest

from calls.audio.line.spec import GOOD_LINE, LineError, parse_line
from calls.states import Side


def test_nothing_is_a_good_line() -> None:
    assert parse_line({}) == GOOD_LINE
    assert parse_line({}).is_good
    assert parse_line({"preset": "good line"}).is_good


def test_a_preset_is_written_out_and_read_back_as_the_same_line() -> None:
    spec = parse_line({"preset": "bad mobile", "seed": 7})
    assert spec.seed == 7
    assert not spec.is_good
    assert parse_line(json.loads(json.dumps(spec.as_json()))) == spec


def test_each_direction_has_its_conditions_in_order() -> None:
    delay, level = {"condition": "delay", "ms": 5}, {"condition": "level", "db": 3}
    spec = parse_line({"caller": [delay, level], "agent": [level]})
    assert [len(spec.filters(side)) for side in (Side.CALLER, Side.AGENT)] == [2, 1]
    assert spec.caller == (delay, level)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "must be a JSON object"),
        ({"preset": "wonderful"}, "no preset 'wonderful'. Known: good line, street at 10 dB"),
        ({"preset": "bad mobile", "caller": []}, "'caller' is not known beside a preset"),
        ({"calller": []}, "'calller' is not known here. Known: agent, caller, seed."),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"seed": True}, "seed must be a whole number"),
        ({"caller": {}}, "caller must be a list of at most 10"),
        ({"caller": [{"condition": "level", "db": 1}] * 11}, "at most 10"),
        ({"caller": ["delay"]}, "caller[0]: write an object"),
        ({"agent": [{"condition": "rain"}]}, "agent[0]: there is no condition 'rain'. Known: clipping, delay"),
        ({"caller": [{"condition": ["delay"]}]}, "there is no condition ['delay']"),
        ({"caller": [{"condition": "delay"}]}, "caller[0]: ms is missing."),
        ({"caller": [{"condition": "delay", "ms": "5"}]}, "ms must be a number from 0 to 2000, not '5'."),
        ({"caller": [{"condition": "delay", "ms": float("nan")}]}, "ms must be a number"),
        ({"caller": [{"condition": "delay", "ms": 5, "s": 1}]}, "'s' is not known in delay"),
        ({"caller": [{"condition": "noise", "scene": "sea", "snr_db": 3}]}, "babble, music, office, street, not 'sea'"),
        ({"caller": [{"condition": "packet loss", "percent": 3, "concealed": 1}]}, "concealed must be true or false"),
        ({"caller": [{"condition": "packet loss", "percent": 80, "burst_frames": 2}]}, "burst_frames must be at least"),
        ({"caller": [{"condition": "narrow band", "low_hz": 900, "high_hz": 1000}]}, "at least 300 above low_hz"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(line: Any, said: str) -> None:
    with pytest.raises(LineError) as refused:
        parse_line(line)
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(LineError) as refused:
        parse_line({"caller": [{"condition": "delay"}], "agent": [{"condition": "rain"}], "seed": "x"})
    assert len(refused.value.problems) == 3
