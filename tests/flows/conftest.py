"""A product on an unplugged machine, for whole calls. Its leases are short, so that what dies is soon found dead."""

import os
from collections.abc import Iterator

import pytest

from tests.flows.network import NotPermitted, Unplugged
from tests.product import Product, running_product

SETTINGS = {"KLIX_ALLOW_UNSIGNED_MEDIA": "true", "KLIX_CALL_LEASE_S": "6", "KLIX_EVALUATION_LEASE_S": "6"}


@pytest.fixture(scope="session")
def machine() -> Iterator[Unplugged]:
    try:
        unplugged = Unplugged()
    except (NotPermitted, OSError) as error:
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            raise
        pytest.skip(f"This user may not make network namespaces ({error}): run as root.")
    yield unplugged
    unplugged.close()


@pytest.fixture(scope="session")
def _isolated(machine: Unplugged, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with machine.plugged_out():
        started = running_product(tmp_path_factory.mktemp("isolated"), **SETTINGS)
        running = started.__enter__()
    yield running
    with machine.plugged_out():
        started.__exit__(None, None, None)


@pytest.fixture
def isolated(machine: Unplugged, _isolated: Product) -> Iterator[Product]:
    """The product on the unplugged machine, and the test there with it."""
    with machine.plugged_out():
        yield _isolated
