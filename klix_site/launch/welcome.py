"""What a person sees once everything runs: the address, how to sign in, and a first call to watch."""

import json
import os
import secrets
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Final

import django

PATIENCE_S: Final = 120.0
POLL_S: Final = 0.2
FIRST_ADMIN: Final = "admin"


def wait_until_ready(address: str, patience_s: float = PATIENCE_S) -> dict[str, str]:
    """The parts that are not ready when patience ends; {} as soon as /readyz is healthy."""
    end = time.monotonic() + patience_s
    while unready := unready_parts(address):
        if time.monotonic() > end:
            break
        time.sleep(POLL_S)
    return unready


def unready_parts(address: str) -> dict[str, str]:
    """What /readyz at `address` complains of; {} when all is well."""
    try:
        with urllib.request.urlopen(f"{address}/readyz", timeout=5):  # noqa: S310  (our own http address)
            return {}
    except urllib.error.HTTPError as error:
        return _complaints(error.read())
    except OSError:
        return {"web": "The web process does not answer yet."}


def _complaints(body: bytes) -> dict[str, str]:
    try:
        parts = json.loads(body)["parts"]
        return {str(name): str(state) for name, state in parts.items() if state != "ok"}
    except (ValueError, KeyError, AttributeError, TypeError):
        return {"web": "The web process answers /readyz with an error: its log above says which."}


def how_to_sign_in() -> str:
    """Make the first administrator if there is none; say how to sign in."""
    from django.contrib.auth.models import User

    administrator = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if administrator is not None:
        name = administrator.get_username()
        return f"Sign in as {name}. A forgotten password: .venv/bin/python manage.py changepassword {name}"
    password = secrets.token_urlsafe(12)
    User.objects.create_superuser(FIRST_ADMIN, password=password)
    return f"Sign in as {FIRST_ADMIN} with the password {password} (shown only now; change it in /admin/)"


def main(argv: Sequence[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
    from django.conf import settings

    unready = wait_until_ready(f"http://127.0.0.1:{settings.PORT}")
    if unready:
        say("Klix is not ready:", *(f"{name}: {state}" for name, state in unready.items()))
        return 1
    # Not before: the processes that are waited for need the processor more.
    django.setup()
    from django.core.management import CommandError, call_command

    say("Klix is ready.", f"Open {settings.PUBLIC_BASE_URL}/", how_to_sign_in())
    if "--demo-call" in argv:
        try:
            call_command("place_demo_call")
        except CommandError as error:
            say(f"The demo call could not be placed: {error}")
            return 1
    return 0


def say(*lines: str) -> None:
    print("\n".join(["", *(f"  {line}" for line in lines), ""]), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
