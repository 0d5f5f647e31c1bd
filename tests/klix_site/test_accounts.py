"""Signing in and its limits, resetting a password, one's own tokens, the audit log."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client, RequestFactory
from django.utils import timezone

from agents.services import create_agent
from klix_site.addresses import address_of
from klix_site.models import ApiToken, AuditEntry, FailedAttempts
from klix_site.tasks import sweep_requests
from klix_site.tokens import make_token
from tests.people import admin, operator, viewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", "ada@example.com", "a long password")


def attempt(name: str, password: str, address: str = "192.0.2.1") -> Any:
    return Client().post("/sign-in/", {"username": name, "password": password}, REMOTE_ADDR=address)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- Signing in -------------------------------------------------------------------------------------------------------
def test_after_five_failures_the_right_password_is_refused_too_with_the_time_to_wait(ada: User) -> None:
    for _ in range(5):
        assert attempt("ada", "wrong").status_code == 200
    refused = attempt("ADA ", "a long password")
    assert (refused.status_code, refused["Retry-After"]) == (429, "900")
    assert "Too many attempts. Wait 15 minutes" in refused.content.decode()
    assert attempt("ada", "a long password", "192.0.2.2").status_code == 302


def test_a_right_password_forgives_the_failures_before_it(ada: User) -> None:
    for _ in range(4):
        attempt("ada", "wrong")
    assert attempt("ada", "a long password").status_code == 302
    assert attempt("ada", "wrong").status_code == 200
    assert attempt("ada", "a long password").status_code == 302


def test_one_address_cannot_try_many_names(ada: User) -> None:
    for number in range(30):
        attempt(f"user{number}", "wrong")
    assert attempt("ada", "a long password").status_code == 429


def test_one_name_cannot_be_tried_from_many_addresses(ada: User) -> None:
    for number in range(30):
        attempt("ada", "wrong", f"192.0.2.{number}")
    assert attempt("ada", "a long password", "198.51.100.1").status_code == 429


def test_after_the_window_failures_no_longer_count(ada: User) -> None:
    for _ in range(5):
        attempt("ada", "wrong")
    FailedAttempts.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert attempt("ada", "wrong").status_code == 200
    assert set(FailedAttempts.objects.values_list("count", flat=True)) == {1}
    assert attempt("ada", "a long password").status_code == 302


def test_failures_that_no_longer_count_are_forgotten(ada: User) -> None:
    attempt("ada", "wrong")
    sweep_requests()
    assert FailedAttempts.objects.count() == 3
    FailedAttempts.objects.update(until=timezone.now() - timedelta(seconds=1))
    sweep_requests()
    assert FailedAttempts.objects.count() == 0


def test_without_redis_one_signs_in_and_the_limits_hold(ada: User, redis_gone: None) -> None:
    assert attempt("ada", "a long password").status_code == 302
    for _ in range(5):
        assert attempt("ada", "wrong").status_code == 200
    assert attempt("ada", "a long password").status_code == 429


def test_the_admin_has_no_door_of_its_own() -> None:
    assert Client().get("/admin/login/?next=/admin/")["Location"] == "/sign-in/?next=/admin/"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "nonsense", None),
    ],
)
def test_only_our_own_proxies_tell_the_address(
    proxies: int, forwarded: str, address: str | None, settings: Any
) -> None:
    settings.PROXIES = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=forwarded)
    assert address_of(request) == address


# --- Passwords --------------------------------------------------------------------------------------------------------
def test_a_forgotten_password_is_reset_by_a_link_to_our_own_address(ada: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    answer = Client().post("/reset/", {"email": "ada@example.com"}, HTTP_HOST="evil.example")
    assert answer["Location"] == "/reset/sent/"
    found = re.search(r"(http://\S+)/reset/(\S+)", str(mail.outbox[0].body))
    assert found
    assert found[1] == settings.PUBLIC_BASE_URL
    client = Client()
    form = client.get(f"/reset/{found[2]}")["Location"]
    new = {"new_password1": "quite another one", "new_password2": "quite another one"}
    assert client.post(form, new)["Location"] == "/reset/done/"
    assert attempt("ada", "quite another one").status_code == 302
    assert "used already" in Client().get(f"/reset/{found[2]}").content.decode()


def test_an_unknown_address_is_told_the_same_and_many_requests_are_refused() -> None:
    for _ in range(5):
        assert Client().post("/reset/", {"email": "nobody@example.com"})["Location"] == "/reset/sent/"
    assert mail.outbox == []
    assert Client().post("/reset/", {"email": "nobody@example.com"}).status_code == 429


@pytest.mark.parametrize("path", ["/reset/", "/reset/sent/", "/reset/done/", "/sign-in/"])
def test_the_pages_for_those_without_a_password_open(path: str) -> None:
    assert Client().get(path).status_code == 200


# --- Tokens -----------------------------------------------------------------------------------------------------------
def test_a_new_token_is_shown_once_and_works() -> None:
    client = signed_in(viewer())
    page = client.post("/settings/tokens/", {"name": "ci", "scopes": ["read"], "days": "30"}).content.decode()
    found = re.search(r"klix_[\w-]{30,}", page)
    assert found
    assert found[0] not in client.get("/settings/tokens/").content.decode()
    row = ApiToken.objects.get()
    assert (row.name, row.scopes, row.user.username) == ("ci", "read", "vera")
    assert row.expires_at is not None
    assert Client(headers={"Authorization": f"Bearer {found[0]}"}).get("/api/v1/calls/").status_code == 200


def test_a_token_needs_a_name_of_its_own_and_a_scope() -> None:
    make_token("ci", viewer())
    page = signed_in(operator()).post("/settings/tokens/", {"name": "ci", "scopes": []})
    assert page.status_code == 422
    assert "There is a token of this name" in page.content.decode()
    assert ApiToken.objects.count() == 1


def test_one_revokes_ones_own_tokens_and_an_administrator_all() -> None:
    make_token("ci", viewer())
    token = ApiToken.objects.get()
    url = f"/settings/tokens/{token.public_id}/revoke/"
    assert signed_in(operator()).post(url).status_code == 404
    assert signed_in(admin()).post(url).status_code == 302
    assert not ApiToken.objects.exists()


# --- Audit ------------------------------------------------------------------------------------------------------------
def logged() -> list[tuple[str, str, str]]:
    return [(entry.actor, entry.action, entry.via) for entry in AuditEntry.objects.exclude(action="signed in")]


def test_a_change_on_a_page_is_logged_with_who_what_and_where() -> None:
    agent = create_agent("burger_bot")
    client = signed_in(operator())
    client.post(f"/agents/{agent.public_id}/archive/", REMOTE_ADDR="192.0.2.7")
    entry = AuditEntry.objects.exclude(action="signed in").get()
    assert (entry.actor, entry.action, entry.object_type) == ("olga", "agent archived", "agent")
    assert (entry.object_id, entry.address, entry.via) == (str(agent.public_id), "192.0.2.7", "page")


def test_a_new_object_is_logged_with_its_id_and_a_refused_form_not_at_all() -> None:
    client = signed_in(operator())
    assert client.post("/scenarios/new/", {"name": ""}).status_code == 422
    assert logged() == []
    page = client.post("/scenarios/new/", {"name": "Big order"})
    entry = AuditEntry.objects.exclude(action="signed in").get()
    assert entry.action == "scenario created"
    assert entry.object_id in page["Location"]


def test_failed_sign_ins_tokens_and_the_admin_are_logged() -> None:
    attempt("nobody", "wrong")
    client = signed_in(admin())
    client.post("/settings/tokens/", {"name": "ci", "scopes": ["read"]})
    token = ApiToken.objects.get()
    client.post(f"/admin/klix_site/apitoken/{token.pk}/change/", {"name": "ci2"})
    assert logged() == [
        ("adam", "apitoken edited", "admin"),
        ("adam", "token made", "page"),
        ("nobody", "sign-in failed", "page"),
    ]


def test_the_log_is_for_administrators_and_can_be_searched() -> None:
    attempt("mallory", "wrong")
    assert signed_in(operator()).get("/settings/audit/").status_code == 403
    client = signed_in(admin())
    assert "mallory" in client.get("/settings/audit/").content.decode()
    assert "mallory" not in client.get("/settings/audit/?q=hang-up%00").content.decode().partition("<ul")[2]
    assert client.get("/admin/klix_site/auditentry/").status_code == 200
