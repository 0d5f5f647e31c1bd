import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from kombu import pools

from klix_site.celery import app
from tests.klix_site.asking import client_of
from tests.people import operator


@pytest.fixture
def uncounted() -> None:
    """Requests of earlier tests count for no limit."""
    cache.clear()


@pytest.fixture
def api(uncounted: None) -> Client:
    """An operator, asking the REST API."""
    return client_of(operator())


@pytest.fixture
def redis_gone(settings: Any) -> Iterator[None]:
    """Cache, channel layer and task queue as in the product, on a port of this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closing:
        url = f"redis://127.0.0.1:{closing.getsockname()[1]}/0"
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}}
    layer = {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [url]}}
    settings.CHANNEL_LAYERS = {"default": layer}
    earlier = app.conf.broker_url
    _use_broker(url)
    yield
    _use_broker(earlier)


def _use_broker(url: str) -> None:
    """Celery keeps connections and kombu keeps the pools of each address, closed ones too: all of them go."""
    pools.reset()  # type: ignore[no-untyped-call]  # kombu ships no types
    app._pool = None
    app.amqp._producer_pool = None
    app.conf.broker_url = app.conf.broker_read_url = app.conf.broker_write_url = url
