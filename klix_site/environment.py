"""Typed readers of the environment (and `.env`), for settings.py alone. What cannot be read is said with its name."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
RATE: Final = re.compile(r"[1-9]\d*/(second|minute|hour|day)")


def text(name: str, default: str = "") -> str:
    """A string; blank counts as unset."""
    return str(env.str(name, default="")).strip() or default


def number(name: str, default: int) -> int:
    try:
        return int(text(name) or default)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {text(name)!r}.") from None


def decimal(name: str, default: float) -> float:
    try:
        return float(text(name) or default)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a number, not {text(name)!r}.") from None


def flag(name: str, default: bool) -> bool:
    match text(name).lower():
        case "":
            return default
        case "1" | "true" | "yes" | "on":
            return True
        case "0" | "false" | "no" | "off":
            return False
        case other:
            raise ImproperlyConfigured(f"{name} must be true or false, not {other!r}.")


def rate(name: str, default: str) -> str:
    """Requests in a period, as 1200/minute; "" where it is off."""
    match text(name, default).lower():
        case "off":
            return ""
        case value if RATE.fullmatch(value):
            return value
        case other:
            raise ImproperlyConfigured(f"{name} must be a rate such as 1200/minute, or off, not {other!r}.")


def words(name: str) -> list[str]:
    return [word for word in env.list(name, default=[]) if word]


def host_of(url: str) -> str:
    """The host name in a URL; "" where there is none (klix.E001 says so for PUBLIC_BASE_URL)."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def kept_secret(name: str, path: Path, make: Callable[[], str]) -> str:
    """The secret from the environment, else one generated at first use and kept at `path`, readable by us alone."""
    if value := text(name):
        return value
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}.new")
        new.write_text(make())
        new.chmod(0o600)
        # link, not rename: of several processes that start together the first one's secret stays.
        try:
            os.link(new, path)
        except FileExistsError:
            pass
        finally:
            new.unlink()
    return path.read_text().strip()
