"""Whether this process lives (/healthz) and whether the product can do its work (/readyz)."""

from collections.abc import Callable
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.log import log_response
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from klix_site.tasks import HEARTBEAT_FRESH_S, HEARTBEAT_KEY
from klix_site.warm_up import warm_up

OK: Final = "ok"


@login_not_required
@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": OK})


@login_not_required
@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when every part is ready, else 503; each part says "ok" or what is wrong."""
    parts = {name: ask() for name, ask in PARTS.items()}
    ready = all(state == OK for state in parts.values())
    response = JsonResponse({"status": OK if ready else "not ready", "parts": parts}, status=200 if ready else 503)
    if not ready:
        # An answer, not a fault: without this Django logs each 503 as an error, several a second during a start.
        log_response("Not ready: %s", parts, request=request, response=response, level="debug")
    return response


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return OK


def _redis() -> str:
    try:
        cache.get(HEARTBEAT_KEY)
    except RedisError:
        return "Redis does not answer."
    return OK


def _worker() -> str:
    try:
        last = cache.get(HEARTBEAT_KEY)
    except RedisError:
        return "Not known while redis does not answer."
    if last is None or timezone.now().timestamp() - last > HEARTBEAT_FRESH_S:
        return f"No worker has taken a task for {HEARTBEAT_FRESH_S} s."
    return OK


def _speech() -> str:
    return warm_up.state


PARTS: Final[dict[str, Callable[[], str]]] = {
    "database": _database,
    "redis": _redis,
    "worker": _worker,
    "speech": _speech,
}
