"""`manage.py check_providers`: does each capability that a server provides work, until when, how fast, for how much?"""

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.errors import Misconfigured
from agents.provider_checks import WARN_DAYS, Finding, check_all


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
        today = datetime.now(UTC).date()
        for finding in findings:
            self.stdout.write(line_of(finding, today))
        failed = [finding for finding in findings if finding.problem]
        if failed:
            raise CommandError(f"{len(failed)} of {len(findings)} do not work.")


def line_of(finding: Finding, today: date) -> str:
    what = f"{finding.role} {finding.provider}".ljust(24)
    if finding.problem:
        return f"✗ {what} {finding.model or '-'}: {finding.problem}"
    price = "cost unknown" if finding.cost is None else f"cost {finding.cost:.6f}"
    parts = [f"✓ {what} {finding.model}", f"{finding.took_ms:.0f} ms", price, *model_notes(finding, today)]
    return " · ".join(parts)


def model_notes(finding: Finding, today: date) -> list[str]:
    if finding.model_known is None:
        return ["the server lists no models"]
    if not finding.model_known:
        return ["not among the server's listed models"]
    days = finding.days_left(today)
    if days is None:
        return ["no shutdown announced"]
    warning = "CHOOSE ANOTHER MODEL: " if days < WARN_DAYS else ""
    return [f"{warning}shuts down on {finding.shutdown_date} (in {days} days)"]
