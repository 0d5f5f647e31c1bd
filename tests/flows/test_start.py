"""`make run`'s product: starts healthy, survives kills, keeps its data, leaves nothing behind."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.product import Product, running_product, wait_until_healthy

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def own_product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    """Start and stop once, so that a second start finds data."""
    with running_product(tmp_path_factory.mktemp("started")) as running:
        return running


def test_ctrl_c_stops_all_of_it(tmp_path: Path) -> None:
    with running_product(tmp_path) as running:
        family = psutil.Process(running.launcher.pid).children(recursive=True)
        # Each of the processes, its keeper, and honcho's reader of both.
        assert len(family) >= 15
        assert running.stop(signal.SIGINT) == 130
    assert [process for process in family if process.is_running()] == []


def test_a_second_start_keeps_the_data_and_is_healthy_within_15_s(own_product: Product) -> None:
    began = time.monotonic()
    with running_product(own_product.var_dir) as again:
        took_s = time.monotonic() - began
        assert again.api("GET", "/api/v1/").status_code == 200
        assert again.admin_password == own_product.admin_password
        again.session()
        old = {"Authorization": f"Bearer {own_product.token}"}
        assert again.api("GET", "/api/v1/calls/", headers=old).status_code == 200
    assert took_s < 15


@pytest.mark.parametrize("name", ["web", "worker", "redis", "beat"])
def test_a_killed_process_comes_back_and_the_product_is_healthy_again(name: str, product: Product) -> None:
    (victim,) = product.processes(name)
    os.kill(victim, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(victim)] if psutil.pid_exists(victim) else [], timeout=5)
    end = time.monotonic() + 30
    while not (now := product.processes(name)) or now == [victim]:
        assert time.monotonic() < end, f"{name} did not come back"
    wait_until_healthy(product, 30)
    assert product.api("GET", "/api/v1/calls/").status_code == 200


def test_without_its_launcher_nothing_lives_on(tmp_path: Path) -> None:
    with running_product(tmp_path) as running:
        family = psutil.Process(running.launcher.pid).children(recursive=True)
        running.stop(signal.SIGKILL)
        gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert gone


def test_a_second_klix_on_the_same_data_is_refused(product: Product) -> None:
    with (
        pytest.raises(AssertionError, match="already runs with this data"),
        running_product(product.var_dir),
    ):
        pass
