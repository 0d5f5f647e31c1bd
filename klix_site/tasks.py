"""The worker's sign of life, and the sweep of what pages asked for."""

from typing import Any, Final

from celery import shared_task
from celery.signals import worker_ready
from django.core.cache import cache
from django.utils import timezone

from klix_site import retention, settings_page, throttling

__all__ = [
    "retention",
    "settings_page",
    "sweep_requests",
    "worker_heartbeat",
]  # their tasks are found through this module
HEARTBEAT_KEY: Final = "worker-heartbeat"
# Beat asks every 5 s; two may be missed before the worker counts as gone.
HEARTBEAT_FRESH_S: Final = 15


@shared_task(name="klix_site.worker_heartbeat", ignore_result=True, expires=HEARTBEAT_FRESH_S)  # type: ignore[untyped-decorator]  # Celery ships no types
def worker_heartbeat() -> None:
    """Say that a worker takes tasks. It expires: after a stop, old heartbeats must not pass for new ones."""
    cache.set(HEARTBEAT_KEY, timezone.now().timestamp(), timeout=HEARTBEAT_FRESH_S)


@shared_task(name="klix_site.sweep_requests", ignore_result=True, expires=10)  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_requests() -> None:
    """Send again what was asked for while the queue was away, and forget failed sign-ins that no longer count."""
    settings_page.resend_check()
    throttling.forget_old_failures()


def _first_heartbeat(**_: Any) -> None:
    # Through the queue, not straight into the cache: it must show that tasks are taken.
    worker_heartbeat.delay()


worker_ready.connect(_first_heartbeat)
