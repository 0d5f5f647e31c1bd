"""The statistics against scipy and statsmodels on random tables, against closed forms, and the gate in simulation."""

from argparse import Namespace
from itertools import combinations, permutations
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from bench.comparison_power import wholes
from bench.gate_power import shares
from evaluations.statistics import (
    GateVerdict,
    Interval,
    Paired,
    bootstrap_shift,
    gate,
    holm,
    mann_kendall,
    mcnemar,
    paired_difference,
    pass_hat,
    percentile,
    required_rate,
    wilson,
)

counts = st.integers(0, 200)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_statsmodels_and_scipy(table: tuple[int, int]) -> None:
    passed, n = table
    ours = wilson(passed, n)
    assert (ours.low, ours.high) == pytest.approx(proportion_confint(passed, n, method="wilson"), abs=1e-12)
    theirs = stats.binomtest(passed, n).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_a_rate_of_nothing_may_be_anything() -> None:
    assert wilson(0, 0) == Interval(0, 1)
    with pytest.raises(ValueError, match="cannot have passed"):
        wilson(3, 2)


@settings(deadline=None, max_examples=50)
@given(counts, counts)
def test_mcnemar_agrees_with_statsmodels_and_the_binomial_test(lost: int, won: int) -> None:
    theirs = reference_mcnemar([[10, lost], [won, 10]], exact=True).pvalue
    assert mcnemar(lost, won) == pytest.approx(min(1.0, theirs), abs=1e-12)
    if lost + won:
        assert mcnemar(lost, won) == pytest.approx(stats.binomtest(lost, lost + won).pvalue, abs=1e-9)


# Each call of statsmodels' function collects garbage.
@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_agrees_with_statsmodels(p_values: list[float]) -> None:
    named = {str(i): p for i, p in enumerate(p_values)}
    theirs = multipletests(p_values, method="holm")[1]
    assert list(holm(named).values()) == pytest.approx(list(theirs))


@pytest.mark.parametrize("n", [1, 4, 7])
def test_pass_hat_is_the_share_of_choices_of_k_repeats_that_all_pass(n: int) -> None:
    for passed in range(n + 1):
        repeats = [True] * passed + [False] * (n - passed)
        for k in range(1, n + 1):
            chosen = list(combinations(repeats, k))
            assert pass_hat(passed, n, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))
            assert pass_hat(passed, n, k) == comb(passed, k) / comb(n, k)


def test_pass_hat_of_too_few_repeats_is_unknown() -> None:
    assert pass_hat(2, 2, 3) is None
    assert pass_hat(3, 4, 1) == 0.75
    with pytest.raises(ValueError, match="k is 1 or more"):
        pass_hat(1, 1, 0)


def test_the_interval_of_a_paired_difference_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    down, up, n = 0.15, 0.05, 60
    drawn = random.multinomial(n, [down, up, 1 - down - up], size=2000)
    intervals = [paired_difference(int(lost), int(won), n) for lost, won, _ in drawn]
    covered = np.mean([each.low <= up - down <= each.high for each in intervals])
    assert 0.93 <= covered <= 0.98


@settings(deadline=None, max_examples=50)
@given(st.permutations(range(7)))
def test_the_trend_agrees_with_scipys_exact_kendall(order: list[int]) -> None:
    theirs = stats.kendalltau(range(7), order, method="exact", alternative="less").pvalue
    assert mann_kendall(order) == pytest.approx(theirs)


def test_the_trend_counts_the_orders_that_fall_as_much() -> None:
    orders = list(permutations(range(4)))

    def falls(order: tuple[int, ...]) -> int:
        return sum(order[j] < order[i] for i, j in combinations(range(4), 2))

    series = (3, 1, 2, 0)
    assert mann_kendall(series) == sum(falls(order) >= falls(series) for order in orders) / len(orders)
    assert mann_kendall([]) == 1.0
    assert mann_kendall([1, 1, 1]) == 1.0


# --- The bootstrap ----------------------------------------------------------------------------------------------------
def test_the_percentiles_of_a_resample_are_numpys() -> None:
    random = np.random.default_rng(2)
    old = [list(random.normal(1.0, 0.3, size)) for size in (3, 1, 7, 2)]
    new = [list(random.normal(1.2, 0.3, size)) for size in (2, 4, 1, 5)]
    for q in (0, 50, 95, 100):
        shift = bootstrap_shift(old, new, q, resamples=200)
        assert shift is not None
        assert shift.old == pytest.approx(np.percentile(np.concatenate(old), q))
        assert shift.new == pytest.approx(np.percentile(np.concatenate(new), q))


def test_the_bootstrap_agrees_with_scipys_where_each_call_has_one_value() -> None:
    random = np.random.default_rng(3)
    old = random.normal(1.0, 0.2, 80)
    new = old + random.normal(0.15, 0.2, 80)

    def median_shift(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(np.median(b, axis=axis) - np.median(a, axis=axis))

    theirs = stats.bootstrap(
        (old, new), median_shift, paired=True, method="percentile", n_resamples=10_000, rng=np.random.default_rng(4)
    ).confidence_interval
    ours = bootstrap_shift([[x] for x in old], [[x] for x in new], 50, seed=5)
    assert ours is not None
    assert (ours.interval.low, ours.interval.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert ours.p < 0.01


def test_the_same_seed_gives_the_same_interval() -> None:
    old, new = [[1.0, 1.1], [1.4], [0.9, 2.0]], [[1.2], [1.3, 1.5], [1.0]]
    assert bootstrap_shift(old, new, 50, seed=8) == bootstrap_shift(old, new, 50, seed=8)
    assert bootstrap_shift(old, new, 50, seed=8) != bootstrap_shift(old, new, 50, seed=9)


def test_calls_are_drawn_whole() -> None:
    """Ten values of one call are one observation: the interval is as wide as with one value a call."""
    random = np.random.default_rng(6)
    levels = random.normal(1.0, 0.3, 30), random.normal(1.0, 0.3, 30)
    old, new = ([[value] for value in level] for level in levels)
    single = bootstrap_shift(old, new, 50)
    tenfold = bootstrap_shift([each * 10 for each in old], [each * 10 for each in new], 50)
    assert single is not None
    assert tenfold is not None
    width = single.interval.high - single.interval.low
    assert tenfold.interval.high - tenfold.interval.low == pytest.approx(width, rel=0.1)


def test_a_shift_needs_two_cases_with_values_in_both_runs() -> None:
    assert bootstrap_shift([[1.0], [], [2.0]], [[1.0], [1.0], []], 50) is None
    with pytest.raises(ValueError, match="both runs"):
        bootstrap_shift([[1.0]], [], 50)
    assert percentile([], 50) is None


# --- The gate ---------------------------------------------------------------------------------------------------------
def test_a_clear_drop_is_worse_and_a_clear_rise_is_better() -> None:
    assert gate(Paired(30, 12, 1, 7)).verdict is GateVerdict.WORSE
    assert gate(Paired(30, 1, 12, 7)).verdict is GateVerdict.BETTER


def test_many_equal_pairs_are_the_same() -> None:
    told = gate(Paired(90, 0, 0, 10))
    assert told.verdict is GateVerdict.SAME
    assert told.more_calls == 0
    assert told.interval.high <= 0.10


def test_few_pairs_are_not_enough_and_the_gate_says_how_many_more_would_tell() -> None:
    told = gate(Paired(10, 0, 0, 0))
    assert told.verdict is GateVerdict.NOT_ENOUGH
    assert told.more_calls is not None
    assert gate(Paired(10 + told.more_calls, 0, 0, 0)).verdict is GateVerdict.SAME
    assert gate(Paired(10 + told.more_calls - 1, 0, 0, 0)).verdict is GateVerdict.NOT_ENOUGH


def test_no_pairs_tell_nothing() -> None:
    told = gate(Paired(0, 0, 0, 0))
    assert told.verdict is GateVerdict.NOT_ENOUGH
    assert told.more_calls


@settings(deadline=None, max_examples=50)
@given(st.tuples(*[st.integers(0, 60)] * 4))
def test_swapping_the_runs_turns_the_verdict_around(table: tuple[int, int, int, int]) -> None:
    both, lost, won, none = table
    turned = {GateVerdict.BETTER: GateVerdict.WORSE, GateVerdict.WORSE: GateVerdict.BETTER}
    there, back = gate(Paired(both, lost, won, none)), gate(Paired(both, won, lost, none))
    assert turned.get(there.verdict, there.verdict) is back.verdict
    assert there.more_calls == back.more_calls


@pytest.mark.parametrize("rate", [0.95, 0.8, 0.6])
def test_the_same_agent_twice_raises_at_most_5_false_alarms_in_100(rate: float) -> None:
    told = shares(rate, 0.0, Namespace(seed=11, runs=1000, cases=50))
    assert told[GateVerdict.WORSE] + told[GateVerdict.BETTER] <= 0.05


def test_a_20_point_drop_at_50_cases_is_seen_more_often_than_not_at_90_percent() -> None:
    assert shares(0.9, 0.2, Namespace(seed=11, runs=500, cases=50))[GateVerdict.WORSE] > 0.5


def test_a_required_rate_is_kept_missed_or_untold() -> None:
    assert required_rate(100, 100, 0.9) is True
    assert required_rate(50, 100, 0.9) is False
    assert required_rate(9, 10, 0.9) is None
    assert required_rate(10, 10, 1.0) is True
    assert required_rate(9, 10, 1.0) is False
    assert required_rate(0, 0, 1.0) is None


def test_a_whole_comparison_of_an_agent_with_itself_is_rarely_worse_and_slower_replies_are_seen() -> None:
    options = Namespace(seed=3, runs=60, cases=50, drop=0.2, slower=0.25, resamples=400)
    assert wholes(options)["told worse"] <= 0.1  # 3 of 60 are expected; the bench plays 1,000
    assert wholes(options, slows=True)["by criteria or replies"] > 0.8
