"""Sending alerts: to a webhook, to Slack or what understands its messages, by e-mail."""

import logging
from datetime import timedelta
from smtplib import SMTPException
from typing import Any, Final

import requests
from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from evaluations.run_models import Alert, AlertRule
from evaluations.runs.alert_rules import addresses

log = logging.getLogger(__name__)
TIMEOUT_S: Final = 10
MAX_ATTEMPTS: Final = 5
FIRST_WAIT_S: Final = 30  # doubled with each attempt


class NotSent(Exception):
    """The other side did not take the message."""


def send_due() -> int:
    """Send what waits; how many were sent. An alert whose worker died while sending is sent again: its `id` tells."""
    now = timezone.now()
    due = Alert.objects.filter(Q(due_at=None) | Q(due_at__lte=now), state=Alert.State.WAITING)
    return sum(send(alert) for alert in due.select_related("rule", "run").order_by("id"))


def send(alert: Alert) -> bool:
    wait = timedelta(seconds=FIRST_WAIT_S * 2**alert.attempts)
    claimed = Alert.objects.filter(pk=alert.pk, state=Alert.State.WAITING, attempts=alert.attempts)
    if not claimed.update(attempts=F("attempts") + 1, due_at=timezone.now() + wait):
        return False
    try:
        _deliver(alert)
    except NotSent as problem:
        given_up = alert.attempts + 1 >= MAX_ATTEMPTS
        state = Alert.State.FAILED if given_up else Alert.State.WAITING
        Alert.objects.filter(pk=alert.pk).update(state=state, error=str(problem)[:300])
        log.warning("Alert %s could not be sent (attempt %s).", alert.pk, alert.attempts + 1)
        return False
    Alert.objects.filter(pk=alert.pk).update(state=Alert.State.SENT, sent_at=timezone.now(), error="")
    return True


def _deliver(alert: Alert) -> None:
    match alert.rule.channel:
        case AlertRule.Channel.EMAIL:
            _mail(alert)
        case AlertRule.Channel.SLACK:
            _post(alert.rule.target, {"text": f"{alert.text}\n{link(alert)}"})
        case _:
            told = {"id": alert.pk, "text": alert.text, "url": link(alert), "at": alert.created_at.isoformat()}
            _post(alert.rule.target, alert.data | told)


def link(alert: Alert) -> str:
    """To the run's page, for a person."""
    return str(settings.PUBLIC_BASE_URL) + reverse("runs:run", args=[alert.run.public_id])


def _post(url: str, body: dict[str, Any]) -> None:
    try:
        # No redirects: the address that a person entered is the one that is told.
        answer = requests.post(url, json=body, timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise NotSent(f"The address cannot be reached ({type(error).__name__}).") from error
    if not 200 <= answer.status_code < 300:
        raise NotSent(f"The address answered {answer.status_code}.")


def _mail(alert: Alert) -> None:
    if not settings.HAS_MAIL_SERVER:
        raise NotSent("There is no mail server: set EMAIL_URL.")
    message = EmailMessage(
        f"Klix: {alert.rule.name}", f"{alert.text}\n\n{link(alert)}", to=addresses(alert.rule.target)
    )
    try:
        message.send()
    except (SMTPException, OSError) as error:
        raise NotSent(f"The mail server did not take it ({type(error).__name__}).") from error
