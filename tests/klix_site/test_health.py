"""What /healthz and /readyz say."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client, override_settings
from django.utils import timezone

from klix_site import health
from klix_site.tasks import HEARTBEAT_FRESH_S, HEARTBEAT_KEY, worker_heartbeat
from klix_site.warm_up import WarmUp

pytestmark = pytest.mark.django_db


@pytest.fixture
def warm_up(monkeypatch: pytest.MonkeyPatch) -> WarmUp:
    """That of a process which has just started."""
    fresh = WarmUp()
    monkeypatch.setattr(health, "warm_up", fresh)
    return fresh


@pytest.fixture(autouse=True)
def no_heartbeat() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_a_stranger_may_ask_whether_the_process_lives(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-cache" in answer["Cache-Control"]


def test_it_is_ready_once_a_worker_took_a_task_and_the_models_are_loaded(client: Client, warm_up: WarmUp) -> None:
    worker_heartbeat()
    assert client.get("/readyz").json()["parts"]["speech"] != "ok"
    warm_up.start()
    warm_up.wait(60)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "redis": "ok", "worker": "ok", "speech": "ok"}


def test_it_is_not_ready_without_a_worker(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["worker"] == "No worker has taken a task for 15 s."
    assert answer.json()["parts"]["database"] == "ok"


def test_an_old_heartbeat_is_no_heartbeat(client: Client) -> None:
    cache.set(HEARTBEAT_KEY, timezone.now().timestamp() - HEARTBEAT_FRESH_S - 1)
    assert client.get("/readyz").status_code == 503


def test_it_names_redis_when_redis_is_down(client: Client, unused_tcp_port: int) -> None:
    nobody = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{unused_tcp_port}/0",
        }
    }
    with override_settings(CACHES=nobody):
        answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["redis"] == "Redis does not answer."
    assert answer.json()["parts"]["database"] == "ok"


def test_health_is_only_read(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.post("/readyz").status_code == 405
