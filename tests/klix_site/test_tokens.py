"""Tokens for the REST API: made once, kept as a hash."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from klix_site.models import ApiToken
from klix_site.tokens import TokenAuthentication, make_token, token_hash

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada")


def sign_in(header: str | None) -> Any:
    headers = {} if header is None else {"Authorization": header}
    return TokenAuthentication().authenticate(APIRequestFactory().get("/", headers=headers))


def api_token(*arguments: str) -> str:
    out = StringIO()
    call_command("api_token", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_bearer_of_a_token_is_its_user(ada: User) -> None:
    token = make_token("ci", ada)
    user, used = sign_in(f"Bearer {token}")
    assert user == ada
    assert used.name == "ci"


def test_only_the_hash_of_a_token_is_kept(ada: User) -> None:
    token = make_token("ci", ada)
    row = ApiToken.objects.values().get()
    assert row["token_hash"] == token_hash(token)
    assert token not in map(str, row.values())
    assert token.startswith(row["prefix"])


def test_a_request_without_a_bearer_token_is_left_to_the_session() -> None:
    assert sign_in(None) is None
    assert sign_in("Basic YTpi") is None


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer a b", "Bearer klix_unknown", "Bearer \xff\xfe", "Bearer klix_\x00"]
)
def test_a_bad_token_is_refused(header: str, ada: User) -> None:
    with pytest.raises(AuthenticationFailed):
        sign_in(header)


def test_an_expired_token_is_refused_with_what_to_do(ada: User) -> None:
    token = make_token("old", ada, expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(AuthenticationFailed, match=r"expired.*api_token"):
        sign_in(f"Bearer {token}")


def test_a_token_of_a_user_who_left_is_refused(ada: User) -> None:
    token = make_token("ci", ada)
    User.objects.update(is_active=False)
    with pytest.raises(AuthenticationFailed):
        sign_in(f"Bearer {token}")


def test_the_last_use_is_written_at_most_once_a_minute(ada: User) -> None:
    token = make_token("ci", ada)
    sign_in(f"Bearer {token}")
    first = ApiToken.objects.get().last_used_at
    with CaptureQueriesContext(
        connection,
    ) as queries:
        sign_in(f"Bearer {token}")
    assert [query["sql"][:6] for query in queries] == ["SELECT"]
    assert first is not None
    ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
    sign_in(f"Bearer {token}")
    last = ApiToken.objects.get().last_used_at
    assert last is not None
    assert last >= first


def test_the_command_prints_a_token_that_works_and_defaults_to_the_first_administrator(ada: User) -> None:
    token = api_token("ci", "--expires", "30")
    user, used = sign_in(f"Bearer {token}")
    assert user == ada
    assert timedelta(days=29) < used.expires_at - timezone.now() <= timedelta(days=30)


def test_the_command_makes_a_token_for_a_named_user(ada: User) -> None:
    bob = User.objects.create_user("bob")
    assert sign_in(f"Bearer {api_token('ci', '--user', 'bob')}")[0] == bob


def test_a_revoked_token_is_refused(ada: User) -> None:
    token = api_token("ci")
    assert api_token("ci", "--revoke") == "Revoked ci."
    with pytest.raises(AuthenticationFailed):
        sign_in(f"Bearer {token}")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["ci"], "no administrator yet.*createsuperuser"),
        (["ci", "--user", "nobody"], "no active user named 'nobody'"),
        (["ci", "--expires", "0"], "1 day or more"),
        (["ci", "--revoke"], "no token named 'ci'"),
        (["x" * 101], "1 to 100"),
    ],
)
def test_the_command_says_what_is_wrong(arguments: list[str], reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        api_token(*arguments)


def test_two_tokens_cannot_have_one_name(ada: User) -> None:
    api_token("ci")
    with pytest.raises(CommandError, match="There is a token named 'ci'"):
        api_token("ci")


def test_the_admin_shows_no_token_and_makes_none(ada: User, admin_client: Any) -> None:
    make_token("ci", ada)
    row = ApiToken.objects.get()
    page = admin_client.get(f"/admin/klix_site/apitoken/{row.pk}/change/").content.decode()
    assert row.prefix in page
    assert row.token_hash not in page
    assert admin_client.get("/admin/klix_site/apitoken/").status_code == 200
    assert admin_client.get("/admin/klix_site/apitoken/add/").status_code == 403
