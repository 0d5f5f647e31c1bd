"""A claim kept while its work goes on: who is slow is not taken for dead, who is dead is found by the claim's end.

Only so long, though: work that hangs must not keep its claim for ever.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import Error, connection

RENEWALS_A_LEASE: Final = 3
MAX_LEASES: Final = 30

log = logging.getLogger(__name__)


class ClaimLost(Exception):
    """Another worker took the work over: what was made here is not saved."""


@contextmanager
def kept(renew: Callable[[], None], lease_s: float) -> Iterator[None]:
    """Calls `renew` in a thread beside the block, three times a lease, until the block ends or the claim is lost.

    The thread says nothing of ClaimLost: what the block itself renews or saves after that raises it there.
    """
    over = threading.Event()
    thread = threading.Thread(target=_keep, args=(renew, lease_s / RENEWALS_A_LEASE, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _keep(renew: Callable[[], None], every_s: float, over: threading.Event) -> None:
    left = RENEWALS_A_LEASE * MAX_LEASES
    try:
        while left and not over.wait(every_s):
            left -= 1
            _try(renew)
    except ClaimLost:
        return
    finally:
        connection.close()


def _try(renew: Callable[[], None]) -> None:
    try:
        renew()
    except Error as error:
        # The database is away or locked: two more tries are left before the claim runs out.
        log.warning("A claim could not be renewed (%s); trying again.", type(error).__name__)
        connection.close()
