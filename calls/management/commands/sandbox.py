"""`manage.py sandbox`: the Twilio-compatible phone exchange on loopback."""

import asyncio
import sys
import threading
import time
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from calls.sandbox.directory import Directory
from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.server import NotLoopback, check_host, serve
from calls.sandbox.voice import ProviderVoice

# What every call needs is loaded by web and worker first: a start on two cores must not get slower by this voice.
PATIENCE_S: Final = 60.0
POLL_S: Final = 1.0


def warm_up_last(voice: ProviderVoice) -> None:
    """Once the product is ready, or is not coming (the sandbox also runs alone)."""
    end = time.monotonic() + PATIENCE_S
    while not is_ready() and time.monotonic() < end:
        time.sleep(POLL_S)
    voice.warm_up()


def is_ready() -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings.PORT}/readyz", timeout=5):
            return True
    except OSError:  # an answer that says "not ready" too
        return False


class Command(BaseCommand):
    help = "Runs the Twilio-compatible phone exchange on loopback (docs/sandbox.md)."
    # It needs no database: it starts while the web process still migrates.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        voice_url = f"{settings.PUBLIC_BASE_URL}/twilio/voice"
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address; any other is refused")
        parser.add_argument("--port", type=int, default=settings.SANDBOX_PORT)
        parser.add_argument("--default-voice-url", default=voice_url, help="answers numbers not in the directory")
        parser.add_argument("--default-status-callback", default="", help="told when those numbers' calls are over")
        parser.add_argument("--directory", type=Path, default=settings.VAR_DIR / "sandbox" / "directory.json")
        parser.add_argument(
            "--allow-remote-applications",
            action="store_true",
            default=settings.SANDBOX_ALLOW_REMOTE,
            help="call URLs on other machines too",
        )
        parser.add_argument("--voice", default=settings.DEFAULT_VOICE, help="the voice of <Say>, provider:voice")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check_host(options["host"])
        except NotLoopback as error:
            self.stderr.write(str(error))
            sys.exit(2)
        voice = ProviderVoice(options["voice"])
        exchange = self._exchange(options, voice)
        threading.Thread(target=warm_up_last, args=(voice,), name="voice", daemon=True).start()
        try:
            asyncio.run(serve(exchange, options["host"], options["port"], on_ready=self._announce))
        except OSError as error:
            raise CommandError(f"The sandbox cannot listen on {options['host']}:{options['port']}: {error}.") from error

    def _exchange(self, options: dict[str, Any], voice: ProviderVoice) -> Exchange:
        if not (settings.TWILIO_ACCOUNT_SID and settings.TWILIO_AUTH_TOKEN):
            raise CommandError(
                "Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or KLIX_TELEPHONY=sandbox to have them made."
            )
        setup = Setup(
            settings.TWILIO_ACCOUNT_SID,
            settings.TWILIO_AUTH_TOKEN,
            default_voice_url=options["default_voice_url"],
            default_status_callback=options["default_status_callback"],
            allow_remote_applications=options["allow_remote_applications"],
        )
        try:
            directory = Directory(options["directory"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        return Exchange(setup, directory, speak=voice)

    def _announce(self, url: str) -> None:
        self.stdout.write(f"The sandbox exchange listens on {url}.")
        self.stdout.flush()
