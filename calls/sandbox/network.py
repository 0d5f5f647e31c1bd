"""Which addresses the exchange may listen on and connect to: this machine, unless it was told otherwise."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

E164: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)


def is_number(text: str) -> bool:
    return E164.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Whether `host` is "localhost" or a loopback address. Other names are not resolved: they could change."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_fault(url: str, *, schemes: tuple[str, ...], may_be_remote: bool) -> str | None:
    """What is wrong with a URL that the exchange shall call; None: nothing."""
    parts = _split(url)
    if parts is None or parts.scheme not in schemes or not parts.hostname:
        return f"Not an absolute {' or '.join(schemes)} URL: {url[:200]!r}."
    if is_loopback(parts.hostname):
        return None
    if not may_be_remote:
        return (
            f"{parts.hostname} is not on this machine, and the sandbox calls no other: use a 127.0.0.1 URL, or start "
            "it with --allow-remote-applications."
        )
    if parts.scheme == "ws":
        return "A websocket to another machine must be wss."
    return None


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
