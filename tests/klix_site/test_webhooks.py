"""Webhooks out: what is told to whom, signed, tried again, and never sent into this network."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from calls.models import Call
from calls.signals import call_ended
from evaluations.notifications import evaluation_changed
from evaluations.run_models import Run
from evaluations.runs.signals import run_changed
from klix_site import webhooks
from klix_site.models import Delivery, Webhook
from tests.factories import finished_call, make_call
from tests.people import operator
from tests.served import QuietHandler, served

pytestmark = pytest.mark.django_db


class Receiver:
    """A subscriber on loopback; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 204
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    found = Receiver()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((dict(self.headers), body))
            self.answer(found.status, Location=found.url)

    settings.ALLOW_PRIVATE_WEBHOOKS = True
    with served(Handler) as url:
        found.url = f"{url}/klix"
        yield found


@pytest.fixture
def olga() -> User:
    return operator()


def due(delivery: Delivery) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    return delivery


def delivered(delivery: Delivery) -> Delivery:
    webhooks.deliver(due(delivery).pk)
    delivery.refresh_from_db()
    return delivery


def test_an_ended_call_is_told_to_those_who_asked_and_signed(receiver: Receiver, olga: User) -> None:
    hook = webhooks.new_webhook(olga, receiver.url, ["call.ended"])
    webhooks.new_webhook(olga, receiver.url, ["run.done"])
    call = make_call(to_number="+390255504417")
    call_ended.send(sender=Call, call=call)
    delivery = delivered(Delivery.objects.get())
    assert (delivery.state, delivery.response_status, delivery.attempts) == ("delivered", 204, 1)
    headers, body = receiver.got[0]
    told = json.loads(body)
    assert (told["event"], told["id"]) == ("call.ended", str(delivery.public_id))
    assert told["call"]["id"] == str(call.public_id)
    assert b"+39" not in body
    at, mac = (part.partition("=")[2] for part in headers["Klix-Signature"].split(","))
    assert mac == hmac.new(hook.secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


def test_an_evaluation_is_told_when_it_is_done(olga: User) -> None:
    webhooks.new_webhook(olga, "https://example.com/", ["evaluation.done"])
    evaluation = finished_call().evaluations.get()
    evaluation_changed(evaluation)
    evaluation.state = "running"
    evaluation_changed(evaluation)
    assert Delivery.objects.get().payload["evaluation"]["outcome"] == "fail"


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_is_not_taken_is_tried_again_later_and_at_last_given_up(
    status: int, receiver: Receiver, olga: User
) -> None:
    receiver.status = status
    webhooks.new_webhook(olga, receiver.url, ["call.ended"])
    (delivery,) = webhooks.announce("call.ended", {})
    for attempt, wait in enumerate(webhooks.BACKOFF, start=1):
        before = timezone.now()
        delivered(delivery)
        assert (delivery.state, delivery.attempts, delivery.response_status) == ("waiting", attempt, status)
        assert delivery.due_at
        assert before + wait <= delivery.due_at
    assert delivered(delivery).state == "failed"
    assert len(receiver.got) == len(webhooks.BACKOFF) + 1


def test_a_delivery_that_is_being_sent_or_was_sent_is_not_sent_again(receiver: Receiver, olga: User) -> None:
    webhooks.new_webhook(olga, receiver.url, ["call.ended"])
    (delivery,) = webhooks.announce("call.ended", {})
    webhooks.deliver(delivery.pk)
    webhooks.deliver(delivery.pk)
    Delivery.objects.update(state="waiting", due_at=timezone.now() + timedelta(minutes=1))
    webhooks.deliver(delivery.pk)
    assert len(receiver.got) == 1


def test_a_webhook_that_is_switched_off_hears_nothing(receiver: Receiver, olga: User) -> None:
    hook = webhooks.new_webhook(olga, receiver.url, ["call.ended"])
    (delivery,) = webhooks.announce("call.ended", {})
    Webhook.objects.filter(pk=hook.pk).update(is_active=False)
    assert delivered(delivery).state == "failed"
    assert webhooks.announce("call.ended", {}) == []
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://10.0.0.8/",
        "http://169.254.169.254/latest",
        "https://user:word@example.com/",
        "ftp://example.com/",
        "http:///nowhere",
    ],
)
def test_an_address_inside_this_network_is_refused(url: str, olga: User) -> None:
    with pytest.raises(webhooks.BadAddress):
        webhooks.new_webhook(olga, url, ["call.ended"])


def test_a_name_that_leads_into_this_network_is_refused_when_it_is_resolved(
    receiver: Receiver, olga: User, settings: Any
) -> None:
    hook = webhooks.new_webhook(olga, receiver.url.replace("127.0.0.1", "localhost"), ["call.ended"])
    settings.ALLOW_PRIVATE_WEBHOOKS = False
    status, error = asyncio.run(webhooks._post(hook, b"{}", timezone.now()))
    assert (status, error) == (None, "The host's address is not a public one.")
    assert receiver.got == []


def test_settled_deliveries_are_forgotten_after_a_month(olga: User) -> None:
    webhooks.new_webhook(olga, "https://example.com/", ["call.ended"])
    (old,) = webhooks.announce("call.ended", {})
    (new,) = webhooks.announce("call.ended", {})
    Delivery.objects.update(state="delivered")
    Delivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=31))
    webhooks.sweep_webhooks()
    assert list(Delivery.objects.all()) == [new]


def test_the_end_of_a_run_is_told_once(olga: User) -> None:
    webhooks.new_webhook(olga, "https://example.com/", ["run.done"])
    run = Run(state=Run.State.RUNNING)
    run_changed.send_robust(sender=Run, run=run)
    assert not Delivery.objects.exists()
    run.state = Run.State.FINISHED
    for _ in range(2):
        run_changed.send_robust(sender=Run, run=run)
    assert Delivery.objects.get().payload["run"]["id"] == str(run.public_id)
