"""From which address a request or a websocket comes."""

import ipaddress
from typing import Any

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address; None where there is none that reads as one.

    X-Forwarded-For counts only as far as our own proxies wrote it: its KLIX_PROXIES-th entry from the right.
    """
    return _address(request.META.get("REMOTE_ADDR", ""), request.headers.get("X-Forwarded-For", ""))


def address_in(scope: Any) -> str | None:
    """The same of a websocket, by its ASGI scope."""
    client = scope.get("client") or [""]
    forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1")
    return _address(str(client[0]), forwarded)


def _address(told: str, forwarded_for: str) -> str | None:
    if settings.PROXIES:
        forwarded = [part.strip() for part in forwarded_for.split(",") if part.strip()]
        told = forwarded[-settings.PROXIES] if len(forwarded) >= settings.PROXIES else told
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return None
