"""Claims that are kept while slow work goes on."""

import threading

import pytest
from django.db import OperationalError

from evaluations import keeping
from evaluations.keeping import ClaimLost, kept

pytestmark = pytest.mark.django_db
PATIENCE_S = 20


class Renewals:
    """Counts; `enough` is set by the third. `failing`: what the first ones raise."""

    def __init__(self, *failing: Exception) -> None:
        self.failing = list(failing)
        self.count = 0
        self.enough = threading.Event()

    def __call__(self) -> None:
        self.count += 1
        if self.count >= 3:
            self.enough.set()
        if self.failing:
            raise self.failing.pop(0)


def test_slow_work_keeps_its_claim() -> None:
    renew = Renewals()
    with kept(renew, lease_s=0.01):
        assert renew.enough.wait(PATIENCE_S)


def test_a_database_that_is_away_for_a_moment_is_asked_again() -> None:
    renew = Renewals(OperationalError("locked"), OperationalError("locked"))
    with kept(renew, lease_s=0.01):
        assert renew.enough.wait(PATIENCE_S)


def test_a_lost_claim_is_not_renewed_again() -> None:
    over, renew = threading.Event(), Renewals(ClaimLost())
    keeping._keep(renew, 0.001, over)
    assert renew.count == 1


def test_work_that_hangs_gives_its_claim_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_LEASES", 2)
    renew = Renewals()
    keeping._keep(renew, 0.001, threading.Event())
    assert renew.count == 2 * keeping.RENEWALS_A_LEASE
