"""`make run`'s product: starts healthy, survives kills, keeps its data, leaves nothing behind.

The last of the flows: its last test stops the product that all of them share.
"""

import os
import signal
import time

import psutil
import pytest

from tests.product import Product, running_product, wait_until_healthy

pytestmark = pytest.mark.services


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


def test_a_second_klix_on_the_same_data_is_refused(product: Product) -> None:
    with (
        pytest.raises(AssertionError, match="already runs with this data"),
        running_product(product.var_dir),
    ):
        pass


def test_ctrl_c_and_a_killed_launcher_stop_all_of_it_and_a_second_start_keeps_the_data(product: Product) -> None:
    family = psutil.Process(product.launcher.pid).children(recursive=True)
    # Each of the processes, its keeper, and honcho's reader of both.
    assert len(family) >= 15
    assert product.stop(signal.SIGINT) == 0
    assert [process for process in family if process.is_running()] == []
    with running_product(product.var_dir) as again:
        # Processor time, because a busy machine stretches the clock: on two cores, 15 s are 30 s of it.
        assert again.cpu_to_health_s < 30
        assert again.admin_password == product.admin_password
        again.session()
        old_token = {"Authorization": f"Bearer {product.token}"}
        assert again.api("GET", "/api/v1/calls/", headers=old_token).status_code == 200
        family = psutil.Process(again.launcher.pid).children(recursive=True)
        again.stop(signal.SIGKILL)
        gone, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    assert gone
