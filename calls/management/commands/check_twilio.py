"""`manage.py check_twilio`: whether calls can work, before the first one is placed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from calls.telephony.reachability import problems
from calls.telephony.twilio import TelephonyError
from calls.telephony_account import callback_url, stream_url, telephony

NOT_OURS: Final = (
    "It is neither one of this account's numbers nor a verified caller id: calls from it are refused (21210). Set it "
    "to a number that the Twilio console shows under Phone Numbers."
)


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    problem: str = ""
    note: str = ""


class Command(BaseCommand):
    help = "Checks the account, the number, the webhooks and the media stream. Places no call and costs nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        findings = list(_findings())
        for finding in findings:
            self.stdout.write(f"{'FAIL' if finding.problem else 'ok  '}  {finding.what}{_more(finding)}")
        if wrong := sum(bool(finding.problem) for finding in findings):
            raise CommandError(f"{wrong} of {len(findings)} checks failed: calls will not work until they pass.")
        self.stdout.write("Calls can be placed and answered.")


def _more(finding: Finding) -> str:
    more = finding.problem or finding.note
    return f": {more}" if more else ""


def _findings() -> Iterator[Finding]:
    yield (account := _account())
    if not account.problem:
        yield _number()
    path = reverse("twilio:voice")
    webhook, stream = problems(settings.CALLBACK_BASE_URL, path, stream_url(), settings.TWILIO_AUTH_TOKEN)
    yield Finding(f"webhooks at {callback_url(path)}", webhook)
    yield Finding(f"media streams at {stream_url()}", stream)


def _account() -> Finding:
    what = f"account ({settings.TELEPHONY})"
    try:
        status = telephony().account_status()
    except TelephonyError as error:
        where = settings.TWILIO_API_BASE_URL
        if error.code == "unreachable" and settings.TELEPHONY == "sandbox":
            return Finding(what, f"Nothing answers at {where}: start Klix (make run), or only it (manage.py sandbox).")
        if error.code == "unreachable":
            return Finding(what, f"{where or 'api.twilio.com'} cannot be reached from here: see network and firewall.")
        return Finding(what, f"{error.message} (code {error.code})")
    return Finding(what, "" if status == "active" else f"It is {status}: see the Twilio console.")


def _number() -> Finding:
    what = "the number of YOUR_TWILIO_NUMBER"
    try:
        number = telephony().number(settings.TWILIO_NUMBER)
        is_caller_id = number is None and telephony().is_caller_id(settings.TWILIO_NUMBER)
    except TelephonyError as error:
        return Finding(what, f"{error.message} (code {error.code})")
    if number is None:
        if settings.TELEPHONY == "sandbox":
            return Finding(what, note="not in the sandbox's directory; its default application answers it")
        if is_caller_id:
            return Finding(what, note="a verified caller id: calls go out from it; who calls it does not reach Klix")
        return Finding(what, NOT_OURS)
    expected = callback_url(reverse("twilio:voice"))
    if number.voice_url != expected:
        note = "calls to it do not come here; to have them answered: manage.py set_voice_url"
        return Finding(what, note=note)
    return Finding(what)
