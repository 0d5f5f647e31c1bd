"""Roles and what they may do, on pages, over the API and with tokens."""

import pytest
from channels.db import database_sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client
from django.urls import get_resolver

from agents.services import create_agent
from calls.live_consumer import NOT_ALLOWED
from klix_site.models import ApiToken
from klix_site.rights import RIGHTS, SCOPES, Right, Role, may, needed, role_of
from klix_site.routing import live_pages
from klix_site.tokens import make_token
from tests.people import admin, operator, viewer

pytestmark = pytest.mark.django_db


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def bearer(user: User, *scopes: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {make_token('t', user, scopes=scopes)}"})


def test_there_is_a_group_for_each_role_and_running_it_again_changes_nothing() -> None:
    from django.core.management import call_command

    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    assert set(before) == set(Role)
    call_command("migrate", verbosity=0)
    assert before == {group.name: set(group.permissions.all()) for group in Group.objects.all()}


def test_a_person_without_a_group_is_a_viewer_and_one_with_several_has_the_highest() -> None:
    bob = User.objects.create_user("bob")
    assert role_of(bob) is Role.VIEWER
    bob.groups.add(*Group.objects.all())
    assert role_of(User.objects.get(pk=bob.pk)) is Role.ADMIN
    bob.is_active = False
    assert role_of(bob) is None


def test_the_open_session_of_somebody_who_is_switched_off_ends_at_the_next_request() -> None:
    olga = operator()
    browser = signed_in(olga)
    assert browser.get("/calls/").status_code == 200
    User.objects.filter(pk=olga.pk).update(is_active=False)
    page = browser.get("/calls/")
    assert (page.status_code, page.headers["Location"]) == (302, "/sign-in/?next=/calls/")
    assert browser.post("/calls/new/", {}).status_code == 302
    assert browser.get("/api/v1/calls/").status_code in (401, 403)


def test_who_joins_the_administrators_may_enter_the_admin_and_who_leaves_may_not() -> None:
    ada = admin("ada")
    assert User.objects.get(pk=ada.pk).is_staff
    assert signed_in(ada).get("/admin/").status_code == 200
    ada.groups.clear()
    assert not User.objects.get(pk=ada.pk).is_staff


@pytest.mark.parametrize("path", ["/calls/new/", "/agents/new/", "/personas/new/", "/scenarios/new/", "/criteria/new/"])
def test_pages_that_create_refuse_viewers_with_a_sentence(path: str) -> None:
    page = signed_in(viewer()).get(path)
    assert page.status_code == 403
    assert "Ask an administrator for the role operator." in page.content.decode()
    assert signed_in(operator()).get(path).status_code == 200


def test_a_viewer_sees_but_changes_nothing() -> None:
    agent = create_agent("burger_bot")
    client = signed_in(viewer())
    assert client.get(f"/agents/{agent.public_id}/").status_code == 200
    assert client.post(f"/agents/{agent.public_id}/archive/").status_code == 403
    agent.refresh_from_db()
    assert agent.archived_at is None


def test_every_route_that_is_not_open_asks_for_a_right_and_none_that_changes_is_left_to_viewers() -> None:
    names = {name for name in get_resolver().reverse_dict if isinstance(name, str)}
    assert {"overview", "tokens", "audit"} <= names
    for name in names | {"calls:place", "evaluations:criterion_archive"}:
        assert needed(name, "POST") is not Right.VIEW


@pytest.mark.parametrize(
    ("scopes", "rights"),
    [
        (("read",), {Right.VIEW}),
        (("read", "write"), {Right.VIEW, Right.EDIT, Right.OWN}),
        (("call",), {Right.CALL}),
    ],
)
def test_a_token_may_only_what_its_scopes_cover(scopes: tuple[str, ...], rights: set[Right]) -> None:
    user = admin()
    make_token("t", user, scopes=scopes)
    token = ApiToken.objects.get()
    assert {right for right in Right if may(user, right, token)} == rights


def test_a_token_may_not_more_than_its_owner() -> None:
    user = viewer()
    make_token("t", user)
    token = ApiToken.objects.get()
    assert not may(user, Right.CALL, token)
    assert not may(user, Right.EDIT, token)


def test_no_scope_covers_administering() -> None:
    assert all(Right.ADMINISTER not in rights for rights in SCOPES.values())
    assert Right.ADMINISTER in RIGHTS[Role.ADMIN]


def test_a_token_without_the_scope_is_refused_with_the_scope_to_use() -> None:
    answer = bearer(operator(), "read").post("/call", {}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["message"] == "This token may not place calls or hang them up. Use one with the scope call."


@pytest.mark.django_db(transaction=True)
async def test_live_pages_ask_before_any_consumer_is_made() -> None:
    for user in (AnonymousUser(), User(username="gone", is_active=False)):
        page = WebsocketCommunicator(live_pages, "/live/calls/")
        page.scope["user"] = user
        assert await page.connect() == (False, NOT_ALLOWED)


def test_a_token_to_call_cannot_read() -> None:
    assert bearer(operator(), "call").get("/api/v1/calls/").status_code == 403


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/live/talk//", "/live/nothing/", "/live/talk/nobody/"])
async def test_a_live_address_that_is_none_is_refused_and_breaks_nothing(path: str) -> None:
    page = WebsocketCommunicator(live_pages, path)
    page.scope["user"] = await database_sync_to_async(operator)()
    assert await page.connect() == (False, NOT_ALLOWED)
