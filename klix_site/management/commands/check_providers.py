"""`manage.py check_providers`: does each capability that a server provides work, until when, how fast, for how much?"""

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.errors import Misconfigured
from agents.provider_checks import WARN_DAYS, Finding, check_all
from agents.provider_settings import capability_of
from agents.providers.openai_shutdowns import instead_of

OFFLINE = (
    "No server is set up. Klix works without one: ears moonshine, voice hibari, brain script. "
    "For OpenAI put OPENAI_API_KEY into .env; for servers of your own see docs/providers.md."
)


class Command(BaseCommand):
    help = (
        "Makes one small real request to each configured speech, chat, translation and judge server. "
        "Each request may cost a fraction of a cent."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("only", nargs="*", help='A role ("ears") or a role and a provider ("brain chat").')

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            findings = check_all(settings.PRICES, " ".join(options["only"]))
        except Misconfigured as error:
            raise CommandError(error.message) from error
        self._tell(findings, bool(options["only"]))

    def _tell(self, findings: list[Finding], was_chosen: bool) -> None:
        """What nobody asked for and is not set up is no failure: Klix works without it."""
        today = datetime.now(UTC).date()
        for finding in findings:
            self.stdout.write(line_of(finding, today))
        unset = [finding for finding in findings if not finding.asked]
        failed = [finding for finding in findings if finding.problem and (finding.asked or was_chosen)]
        if failed:
            raise CommandError(f"{len(failed)} of {len(findings)} do not work.")
        if len(unset) == len(findings):
            self.stdout.write(OFFLINE)
        else:
            self.stdout.write(f"{len(findings) - len(unset)} of {len(findings)} work, {len(unset)} are not set up.")


def line_of(finding: Finding, today: date) -> str:
    """✓ ears openai  gpt-transcribe at https://… · answered in 412 ms · cost 0.000170 · no shutdown announced"""
    what = f"{finding.role} {finding.provider}".ljust(22)
    if not finding.asked:
        return f"– {what} not set up: {finding.problem}"
    served = f"{finding.model or 'its own model'} at {finding.address}"
    if not finding.reached:
        return f"✗ {what} {served} · not reached: {finding.problem}{its_settings(finding)}"
    if finding.problem:
        is_known = finding.model_known is None or (finding.model_known and not finding.shutdown_date)
        known = [] if is_known else model_notes(finding, today)
        return " · ".join([f"✗ {what} {served}", f"reached, but: {finding.problem}", *known]) + its_settings(finding)
    price = f"cost unknown (KLIX_PRICES has no {finding.model})" if finding.cost is None else f"cost {finding.cost:.6f}"
    return " · ".join(
        [f"✓ {what} {served}", f"answered in {finding.took_ms:.0f} ms", price, *model_notes(finding, today)]
    )


def its_settings(finding: Finding) -> str:
    """On a line of its own, where to change what does not work."""
    if (capability := capability_of(finding.role, finding.provider)) is None:
        return ""
    own = f"KLIX_{capability.upper()}"
    told = f"key OPENAI_API_KEY or {own}_API_KEY, model {own}_MODEL, server OPENAI_BASE_URL or {own}_BASE_URL"
    return f"\n    its settings: {told}{'' if settings.SERVED[capability].get('api_key') else '; no key is set'}"


def model_notes(finding: Finding, today: date) -> list[str]:
    if finding.model_known is None:
        return ["the server lists no models"]
    if not finding.model_known:
        return ["the model is not among those that the server lists"]
    days = finding.days_left(today)
    if days is None:
        return ["no shutdown announced"]
    instead = f"; instead: {told}" if (told := instead_of(finding.model, finding.role)) else ""
    if days < 0:
        return [f"CHOOSE ANOTHER MODEL: it was to be shut down on {finding.shutdown_date}{instead}"]
    warning = "CHOOSE ANOTHER MODEL: " if days < WARN_DAYS else ""
    return [f"{warning}shuts down on {finding.shutdown_date} (in {days} days){instead}"]
