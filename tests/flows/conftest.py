"""A product on an unplugged machine, for whole calls. Its leases are short, so that what dies is soon found dead."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import pytest

from tests.flows.network import NotPermitted, Unplugged
from tests.product import Product, running_product

SETTINGS = {"KLIX_ALLOW_UNSIGNED_MEDIA": "true", "KLIX_CALL_LEASE_S": "6", "KLIX_EVALUATION_LEASE_S": "6"}


@pytest.fixture(scope="session")
def _unplugged() -> Iterator[Unplugged | None]:
    """None for a user who may not make network namespaces."""
    try:
        unplugged = Unplugged()
    except (NotPermitted, OSError):
        if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
            raise
        yield None
        return
    yield unplugged
    unplugged.close()


@pytest.fixture(scope="session")
def machine(_unplugged: Unplugged | None) -> Unplugged:
    if _unplugged is None:
        pytest.skip("This user may not make network namespaces: run as root.")
    return _unplugged


def _place(unplugged: Unplugged | None) -> AbstractContextManager[None]:
    return unplugged.plugged_out() if unplugged else nullcontext()


@pytest.fixture(scope="session")
def _running(_unplugged: Unplugged | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with _place(_unplugged):
        started = running_product(tmp_path_factory.mktemp("product"), **SETTINGS)
        running = started.__enter__()
    yield running
    with _place(_unplugged):
        started.__exit__(None, None, None)


@pytest.fixture
def product(_unplugged: Unplugged | None, _running: Product) -> Iterator[Product]:
    """The product that all flows share, and the test beside it: on the unplugged machine, where there can be one."""
    with _place(_unplugged):
        yield _running


@pytest.fixture
def isolated(machine: Unplugged, product: Product) -> Product:
    """The product for what proves nothing unless the machine is unplugged."""
    return product
