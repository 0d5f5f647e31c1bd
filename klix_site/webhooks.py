"""Webhooks out: subscribers are told of ended calls, finished evaluations and runs.

A delivery is a row before it is a request: nothing is lost with a message or a process. The body is signed:
`Klix-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" with the webhook's secret>`. It names what
happened and where to read about it; words and numbers of calls are never in it. An answer of 2xx within 10 s is a
delivery; else it is tried again after BACKOFF, and then given up. Redirects are not followed, and addresses that are
not public are refused unless KLIX_ALLOW_PRIVATE_WEBHOOKS.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from celery import shared_task
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from agents.providers.tools import PrivateAddress, Resolver, is_private
from calls.models import Call
from evaluations.models import Evaluation
from evaluations.run_models import Run
from klix_site.models import Delivery, Webhook

EVENTS: Final = ("call.ended", "evaluation.done", "run.done")
SIGNATURE: Final = "Klix-Signature"
TIMEOUT_S: Final = 10
BACKOFF: Final = tuple(
    timedelta(seconds=seconds) for seconds in (10, 60, 5 * 60, 30 * 60, 2 * 3600, 6 * 3600, 24 * 3600)
)
# While it is being sent: longer than a request can take, so that two workers do not send one delivery.
CLAIM: Final = timedelta(seconds=6 * TIMEOUT_S)
SWEEP_SIZE: Final = 100
KEPT: Final = timedelta(days=30)


class BadAddress(ValueError):
    """The URL cannot be a webhook's."""


def check_url(url: str) -> str:
    """The URL itself. Raises BadAddress with what to do. A name is judged when it is resolved, at each delivery."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadAddress("This is not a URL.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise BadAddress("The URL must begin with https:// or http:// and name a host.")
    if parts.username or parts.password:
        raise BadAddress("Leave user name and password out: deliveries are signed.")
    if not settings.ALLOW_PRIVATE_WEBHOOKS and is_private(host):
        raise BadAddress("This address is not a public one (see KLIX_ALLOW_PRIVATE_WEBHOOKS).")
    return url


def new_webhook(user: User, url: str, events: list[str]) -> Webhook:
    return Webhook.objects.create(user=user, url=check_url(url), events=events, secret=secrets.token_hex(32))


def signature(secret: str, body: bytes, at: int) -> str:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


# --- What happened ----------------------------------------------------------------------------------------------------
def announce(event: str, data: dict[str, Any]) -> list[Delivery]:
    """One delivery for each webhook that asked for the event, sent after the commit."""
    now = timezone.now()
    webhooks = Webhook.objects.filter(is_active=True, user__is_active=True)
    deliveries = [
        Delivery(webhook=webhook, event=event, payload={"event": event, "at": now.isoformat(), **data}, due_at=now)
        for webhook in webhooks
        if event in webhook.events
    ]
    for delivery in deliveries:
        delivery.payload["id"] = str(delivery.public_id)
    Delivery.objects.bulk_create(deliveries)
    for delivery in deliveries:
        transaction.on_commit(partial(_send_soon, delivery.pk))
    return deliveries


def call_has_ended(call: Call, **_: Any) -> None:
    """Receiver of `call_ended`."""
    announce("call.ended", {"call": _call(call)})


def evaluation_has_changed(evaluation: Evaluation, **_: Any) -> None:
    """Receiver of `evaluation_changed`."""
    if evaluation.state == Evaluation.State.DONE:
        told = {"id": str(evaluation.public_id), "number": evaluation.number}
        told |= {"outcome": evaluation.outcome, "cause": evaluation.cause}
        announce("evaluation.done", {"evaluation": told, "call": _call(evaluation.call)})


def run_has_changed(run: Run, **_: Any) -> None:
    """Receiver of `run_changed`, which is sent more than once after a run's end: each webhook is told once."""
    if run.is_open or Delivery.objects.filter(event="run.done", payload__run__id=str(run.public_id)).exists():
        return
    address = f"{settings.PUBLIC_BASE_URL}/api/v1/runs/{run.public_id}/"
    announce("run.done", {"run": {"id": str(run.public_id), "url": address, "state": run.state}})


def _call(call: Call) -> dict[str, Any]:
    address = f"{settings.PUBLIC_BASE_URL}/api/v1/calls/{call.public_id}/"
    return {"id": str(call.public_id), "url": address, "status": call.status, "ending": call.ending}


# --- Sending ----------------------------------------------------------------------------------------------------------
def _send_soon(pk: int) -> None:
    try:
        deliver.apply_async((pk,))
    except OperationalError:
        return  # the sweep finds it


@shared_task(name="klix_site.deliver_webhook")  # type: ignore[untyped-decorator]  # Celery ships no types
def deliver(pk: int) -> None:
    """Send one delivery that is due. May run twice: the claim lets one of them send."""
    now = timezone.now()
    due = Delivery.objects.filter(pk=pk, state=Delivery.State.WAITING, due_at__lte=now)
    if not due.update(due_at=now + CLAIM, attempts=F("attempts") + 1):
        return
    delivery = Delivery.objects.select_related("webhook").get(pk=pk)
    if not delivery.webhook.is_active:
        _settle(delivery, None, "The webhook was switched off.", give_up=True)
        return
    body = json.dumps(delivery.payload, separators=(",", ":")).encode()
    status, error = asyncio.run(_post(delivery.webhook, body, now))
    _settle(delivery, status, error)


@shared_task(name="klix_site.sweep_webhooks")  # type: ignore[untyped-decorator]  # Celery ships no types
def sweep_webhooks() -> None:
    """Send what is due, and forget what was settled long ago."""
    now = timezone.now()
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=now).order_by("due_at")
    for pk in waiting.values_list("pk", flat=True)[:SWEEP_SIZE]:
        _send_soon(pk)
    settled = Delivery.objects.exclude(state=Delivery.State.WAITING)
    settled.filter(created_at__lt=now - KEPT).delete()


def _settle(delivery: Delivery, status: int | None, error: str, give_up: bool = False) -> None:
    delivery.response_status, delivery.error = status, error[:200]
    if status is not None and 200 <= status < 300:
        delivery.state, delivery.due_at, delivery.delivered_at = Delivery.State.DELIVERED, None, timezone.now()
    elif give_up or delivery.attempts > len(BACKOFF):
        delivery.state, delivery.due_at = Delivery.State.FAILED, None
    else:
        delivery.due_at = timezone.now() + BACKOFF[delivery.attempts - 1]
    delivery.save()


async def _post(webhook: Webhook, body: bytes, now: datetime) -> tuple[int | None, str]:
    """The answer's status, or why there is none."""
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Klix",
        SIGNATURE: signature(webhook.secret, body, int(now.timestamp())),
    }
    allow = settings.ALLOW_PRIVATE_WEBHOOKS
    try:
        check_url(webhook.url)
        connector = aiohttp.TCPConnector(resolver=Resolver(allow))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            sent = session.post(webhook.url, data=body, headers=headers, allow_redirects=False)
            async with sent as answer:
                error = "" if 200 <= answer.status < 300 else f"The answer was {answer.status}."
                return answer.status, error
    except BadAddress as error:
        return None, str(error)
    except TimeoutError:
        return None, f"No answer within {TIMEOUT_S} s."
    except (aiohttp.ClientError, OSError) as error:
        if isinstance(error, PrivateAddress) or isinstance(error.__cause__, PrivateAddress):
            return None, "The host's address is not a public one."
        return None, "The host cannot be reached."
