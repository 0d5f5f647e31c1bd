"""How often: failed sign-ins, counted in the database, and API requests, counted in the cache.

Without the cache API requests are answered uncounted; sign-ins need the database alone, so their limits always hold.
"""

import hashlib
import logging
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle

from klix_site.models import ApiToken, FailedAttempts

log = logging.getLogger(__name__)
WINDOW_S: Final = 15 * 60
# Failures in a window: of one name from one address, of one name, from one address.
LIMITS: Final = {"both": 5, "user": 30, "address": 30}


def failures_keys(username: str, address: str | None) -> dict[str, str]:
    # A name may hold anything and be long: its hash is the key. Not for secrecy.
    name = hashlib.sha256(username.casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return {
        "both": f"sign-in:{name}:{address}",
        "user": f"sign-in:{name}",
        "address": f"sign-in:from:{address}",
    }


def is_blocked(username: str, address: str | None) -> bool:
    keys = failures_keys(username, address)
    counted = FailedAttempts.objects.filter(key__in=keys.values(), until__gt=timezone.now())
    counts = dict(counted.values_list("key", "count"))
    return any(counts.get(keys[name], 0) >= limit for name, limit in LIMITS.items())


def count_failure(username: str, address: str | None) -> None:
    """The window of a key begins with its first failure."""
    now = timezone.now()
    window_end = now + timedelta(seconds=WINDOW_S)
    is_open = Q(until__gt=now)
    for key in failures_keys(username, address).values():
        counted, _ = FailedAttempts.objects.get_or_create(key=key, defaults={"until": window_end})
        # One statement: of two failures at once both count.
        FailedAttempts.objects.filter(pk=counted.pk).update(
            count=Case(When(is_open, then=F("count") + 1), default=Value(1)),
            until=Case(When(is_open, then=F("until")), default=Value(window_end)),
        )


def forget_failures(username: str, address: str | None) -> None:
    """After a right password: of this name from this address. The others go on counting."""
    FailedAttempts.objects.filter(key=failures_keys(username, address)["both"]).delete()


def forget_old_failures() -> None:
    FailedAttempts.objects.filter(until__lt=timezone.now()).delete()


class PerToken(SimpleRateThrottle):
    """KLIX_API_RATE for each token, signed-in user or, for strangers, address."""

    scope = "api"

    def get_rate(self) -> str | None:
        rate: str = settings.API_RATE
        return rate or None

    def get_cache_key(self, request: Request, view: Any) -> str:
        if isinstance(request.auth, ApiToken):
            who = f"token:{request.auth.pk}"
        elif request.user.is_authenticated:
            who = f"user:{request.user.pk}"
        else:
            who = f"address:{request.META.get('REMOTE_ADDR')}"
        return f"rate:{self.scope}:{who}"

    def allow_request(self, request: Request, view: Any) -> bool:
        try:
            return bool(super().allow_request(request, view))
        except (RedisError, OSError):
            # The queue's server is away for a moment: answering uncounted is better than not at all.
            log.warning("The cache cannot be reached: API requests are not counted.")
            return True


class PlacingPerToken(PerToken):
    """KLIX_CALL_RATE, for what dials."""

    scope = "calls"

    def get_rate(self) -> str | None:
        rate: str = settings.CALL_RATE
        return rate or None

    def allow_request(self, request: Request, view: Any) -> bool:
        return request.method != "POST" or super().allow_request(request, view)
