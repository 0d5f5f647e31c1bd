"""From which address a request comes."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address; None where there is none that reads as one.

    X-Forwarded-For counts only as far as our own proxies wrote it: its KLIX_PROXIES-th entry from the right.
    """
    told = request.META.get("REMOTE_ADDR", "")
    if settings.PROXIES:
        forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
        told = forwarded[-settings.PROXIES] if len(forwarded) >= settings.PROXIES else told
    try:
        return str(ipaddress.ip_address(told))
    except ValueError:
        return None
