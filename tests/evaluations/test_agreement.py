import numpy as np
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from evaluations.agreement import Agreement, agreement, wilson


def test_the_counts_are_of_judge_and_people() -> None:
    found = agreement([(True, True)] * 7 + [(True, False)] * 2 + [(False, True)] + [(False, False)] * 10)
    assert found == Agreement(7, 2, 1, 10)
    assert (found.n, found.is_validated) == (20, True)
    assert found.share.value == 0.85
    assert found.true_positive.value == 7 / 8
    assert found.true_negative.value == 10 / 12
    assert found.kappa == pytest.approx((0.85 - (9 * 8 + 11 * 12) / 400) / (1 - (9 * 8 + 11 * 12) / 400))


def test_too_few_labels_do_not_validate() -> None:
    assert not agreement([(True, True)] * 19).is_validated


def test_nothing_is_said_without_labels() -> None:
    empty = agreement([])
    assert (empty.kappa, empty.share.value, empty.share.interval, empty.true_positive.value) == (None,) * 4


def test_the_rates_agree_with_scikit_learn_and_statsmodels_on_random_tables() -> None:
    random = np.random.default_rng(1)
    for _ in range(50):
        judge, people = random.integers(0, 2, (2, int(random.integers(5, 60)))).astype(bool)
        found = agreement(zip(judge.tolist(), people.tolist(), strict=True))
        assert found.share.value == pytest.approx(metrics.accuracy_score(people, judge))
        for label, rate in ((True, found.true_positive), (False, found.true_negative)):
            if rate.value is not None:
                assert rate.value == pytest.approx(metrics.recall_score(people, judge, pos_label=label))
                theirs = proportion_confint(rate.hits, rate.n, method="wilson")
                assert rate.interval == pytest.approx(theirs, abs=1e-9)
        if found.kappa is not None:
            assert found.kappa == pytest.approx(metrics.cohen_kappa_score(judge, people))
        assert wilson(found.share.hits, found.n) == pytest.approx(
            proportion_confint(found.share.hits, found.n, method="wilson"), abs=1e-9
        )
