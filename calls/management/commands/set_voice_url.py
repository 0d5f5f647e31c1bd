"""`manage.py set_voice_url [NUMBER]`: calls to a number of the account come to this Klix."""

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from agents.models import E164
from calls.telephony.twilio import TelephonyError
from calls.telephony_account import callback_url, telephony


class Command(BaseCommand):
    help = "Sets the voice URL of one of the account's numbers to this Klix (or to --url)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", nargs="?", default=settings.TWILIO_NUMBER, help="default: YOUR_TWILIO_NUMBER")
        parser.add_argument("--url", default="", help="another voice URL than Klix's own")

    def handle(self, *args: Any, **options: Any) -> None:
        number, url = options["number"], options["url"] or callback_url(reverse("twilio:voice"))
        try:
            E164(number)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        if not urlsplit(url).netloc or urlsplit(url).scheme not in ("http", "https"):
            raise CommandError(f"--url {url!r} is no address: write it with https:// and a host.")
        try:
            before = self._set(number, url)
        except TelephonyError as error:
            raise CommandError(f"{error.message} (code {error.code})") from error
        self.stdout.write(
            f"Calls to {number} now go to {url}{f', before to {before}' if before not in ('', url) else ''}."
        )

    def _set(self, number: str, url: str) -> str:
        found = telephony().number(number)
        if found is not None:
            telephony().set_voice_url(found.sid, url)
            return found.voice_url
        if settings.TELEPHONY != "sandbox":
            raise CommandError(f"{number} is not one of this account's numbers: buy it in the Twilio console first.")
        telephony().add_number(number, url)  # in the sandbox a number costs nothing
        return ""
