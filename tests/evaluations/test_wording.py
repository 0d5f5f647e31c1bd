"""Figures as sentences: every part of every metric can be told, and reads as a person would write it."""

import pytest

from evaluations.criteria.metric import OPERATORS
from evaluations.criteria.registry import get_type
from evaluations.metrics.registry import Limit, Metric, all_metrics, get_metric
from evaluations.wording import Amount, against_limit, beyond_usual


def known(name: str) -> Metric:
    found = get_metric(name)
    assert found is not None
    return found


def told(name: str, value: float, limit: float, *, part: str = "value", op: str = "<=", n: int = 0) -> str:
    metric = known(name)
    return against_limit(metric.reads_as(part), value, n, op, limit, metric.unit_of(part))


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        (told("dead_air", 3, 0, n=3), "There were 3 stretches of dead air; none is allowed."),
        (told("dead_air", 0, 0), "There were no stretches of dead air; none is allowed."),
        (told("dead_air", 4.125, 3, part="longest"), "The longest dead air is 4.13 s; at most 3 s is allowed."),
        (told("unanswered_turns", 1, 0, n=12), "There was 1 unanswered turn in 12 caller turns; none is allowed."),
        (told("unanswered_turns", 2, 1, n=1), "There were 2 unanswered turns in 1 caller turn; at most 1 is allowed."),
        (told("unanswered_turns", 0.25, 0.1, part="rate"),
         "The share of unanswered caller turns is 25 %; at most 10 % is allowed."),
        (told("caller_interruptions", 1, 2, op=">=", n=8),
         "There was 1 interruption by the caller in 8 agent turns; at least 2 are required."),
        (told("reply_time", 2.405, 2, part="p95", n=12),
         "The 95th percentile of 12 reply times is 2.41 s; at most 2 s is allowed."),
        (told("reply_time", 1.31, 1.2, n=12), "The median of 12 reply times is 1.31 s; at most 1.2 s is allowed."),
        (told("reply_time", 2.9, 2, part="after_tool_max", n=12),
         "The longest reply time after a tool call is 2.9 s; at most 2 s is allowed."),
        (told("first_word", -0.2, 1.5, n=1), "The time to the agent's first word is -0.2 s; at most 1.5 s is allowed."),
        (told("talk_over", 7.25, 5, n=3),
         "The share of the caller's speech under the agent's voice is 7.3 %; at most 5 % is allowed."),
        (told("talk_share", 0.764, 0.65, n=9), "The agent's share of the talking is 76.4 %; at most 65 % is allowed."),
        (told("pace", 195.4, 200, op="<", n=40), "The agent's pace is 195 words a minute; less than 200 words a minute"
         " is required."),
        (told("line", 8.04, 10, op=">", n=2),
         "The worse side's signal-to-noise ratio is 8 dB; more than 10 dB is required."),
        (told("cost", 0.04215, 0.04), "The cost of the call is 0.0422; at most 0.04 is allowed."),
    ],
)  # fmt: skip
def test_a_figure_and_its_limit_are_one_readable_sentence(sentence: str, expected: str) -> None:
    assert sentence == expected


def test_a_value_is_told_apart_from_the_limit_that_it_misses() -> None:
    assert told("reply_time", 2.001, 2) == "The median of reply times is 2.001 s; at most 2 s is allowed."
    assert told("talk_share", 0.6504, 0.65).startswith("The agent's share of the talking is 65.04 %;")


@pytest.mark.parametrize(
    ("name", "part", "value", "n", "expected"),
    [
        ("dead_air", "value", 3, 3, "There were 3 stretches of dead air; usual is none."),
        ("talk_share", "value", 0.72, 9, "The agent's share of the talking is 72 %; 40 to 65 % is usual."),
        ("pace", "agent", 195, 40, "The agent's pace is 195 words a minute; 120 to 180 words a minute is usual."),
        ("reply_time", "p95", 2.4, 7, "The 95th percentile of 7 reply times is 2.4 s; usual is at most 2 s."),
    ],
)
def test_a_figure_beyond_what_is_usual_says_what_is(name: str, part: str, value: float, n: int, expected: str) -> None:
    metric = known(name)
    limit = metric.limits[part]
    assert beyond_usual(metric.reads_as(part), value, n, limit.minimum, limit.maximum, metric.unit_of(part)) == expected


def test_a_least_is_usual_too() -> None:
    limit = Limit(minimum=20)
    assert beyond_usual(Amount("The ratio"), 8, 1, limit.minimum, limit.maximum, "dB") == (
        "The ratio is 8 dB; usual is at least 20 dB."
    )


@pytest.mark.parametrize("metric", all_metrics(), ids=lambda metric: metric.name)
def test_every_part_of_every_figure_is_told_without_its_name_in_the_code(metric: Metric) -> None:
    for part in ("value", *metric.parts):
        assert part in metric.reads, f"Say what {metric.name} {part} reads as."
        for op in OPERATORS:
            sentence = told(metric.name, 2, 1, part=part, op=op, n=3)
            assert sentence.endswith((" allowed.", " required."))
            assert not {"{", "_"} & set(sentence)


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"figure": "dead_air", "limit": 0}, "There are no stretches of dead air."),
        ({"figure": "caller_interruptions", "op": "<", "limit": 3}, "There are fewer than 3 interruptions by the"
         " caller."),
        ({"figure": "caller_interruptions", "op": ">=", "limit": 1}, "There is at least 1 interruption by the caller."),
        ({"figure": "reply_time", "part": "p95", "limit": 2000, "unit": "ms"},
         "The 95th percentile of reply times is at most 2 s."),
        ({"figure": "talk_share", "op": ">=", "limit": 40, "unit": "%"},
         "The agent's share of the talking is at least 40 %."),
    ],
)  # fmt: skip
def test_a_rule_about_a_figure_is_told_in_one_line(config: dict[str, object], rule: str) -> None:
    kind = get_type("metric")
    assert kind is not None
    assert kind.describe(config) == rule
