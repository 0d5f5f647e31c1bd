"""`make run`'s product: starts healthy, survives kills, keeps its data, leaves nothing behind."""

import os
import shutil
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.product import Product, running_product, wait_until_healthy

pytestmark = pytest.mark.services


@pytest.fixture
def var_dir(product: Product, tmp_path: Path) -> Path:
    """New data; the static files, which take longest, are taken over."""
    shutil.copytree(product.var_dir / "static", tmp_path / "static")
    shutil.copy(product.var_dir / "static.stamp", tmp_path)
    return tmp_path


def test_ctrl_c_stops_all_of_it_and_a_second_start_keeps_the_data(var_dir: Path) -> None:
    with running_product(var_dir) as running:
        family = psutil.Process(running.launcher.pid).children(recursive=True)
        # Each of the processes, its keeper, and honcho's reader of both.
        assert len(family) >= 15
        assert running.stop(signal.SIGINT) == 0
    assert [process for process in family if process.is_running()] == []
    with running_product(var_dir) as again:
        # Processor time, because a busy machine stretches the clock: on two cores, 15 s are 30 s of it.
        assert again.cpu_to_health_s < 30
        assert again.admin_password == running.admin_password
        again.session()
        old_token = {"Authorization": f"Bearer {running.token}"}
        assert again.api("GET", "/api/v1/calls/", headers=old_token).status_code == 200


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


def test_without_its_launcher_nothing_lives_on(var_dir: Path) -> None:
    with running_product(var_dir) as running:
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
