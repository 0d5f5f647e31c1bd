"""The admin: every model is in it, lists cost the same whatever their length, actions act, and the CSP holds."""

import re
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import klix_site.urls  # noqa: F401  (finds the admin's pages)
from calls.models import Call
from evaluations.models import Evaluation
from klix_site.models import AuditEntry
from klix_site.roles import OURS
from tests.factories import finished_call
from tests.people import operator

pytestmark = pytest.mark.django_db
MODELS = [model for app in OURS for model in apps.get_app_config(app).get_models()]
# What the product keeps for itself; a leg is shown with its call.
INNER = {
    "callimport",
    "createrequest",
    "dispatcher",
    "dialgate",
    "failedattempts",
    "leg",
    "providercheck",
    "transcription",
}


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_every_model_that_people_know_is_in_the_admin() -> None:
    missing = {model._meta.model_name for model in MODELS if model not in admin.site._registry}
    assert missing <= INNER


@pytest.mark.parametrize("model", [model for model in MODELS if model in admin.site._registry])
def test_a_list_costs_the_same_queries_whatever_its_length_and_can_be_searched(
    model: Any, admin_client: Client
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert admin_client.get(list_of(model)).status_code == 200
        return len(seen)

    finished_call()
    admin_client.get(list_of(model))
    before = queries()
    for _ in range(5):
        finished_call()
    assert queries() <= before
    assert before <= 12
    if admin.site._registry[model].search_fields:
        assert admin_client.get(list_of(model) + "?q=nothing").status_code == 200


def test_the_admin_has_no_inline_script_and_no_inline_style(admin_client: Client) -> None:
    call = finished_call()
    paths = [reverse("admin:index"), list_of(Call), reverse("admin:calls_call_change", args=[call.pk])]
    paths.append(reverse("admin:evaluations_criterion_add"))
    for path in paths:
        answer = admin_client.get(path)
        page = answer.content.decode()
        assert "script-src 'self'" in answer["Content-Security-Policy"]
        scripts = re.findall(r"<script\b([^>]*)>", page)
        assert all(" src=" in attributes or "application/json" in attributes for attributes in scripts), path
        assert " style=" not in page, path
        assert "<style" not in page, path
        assert not re.search(r"\son[a-z]+=", page), path


def act(client: Client, action: str, *calls: Call) -> Any:
    body = {"action": action, "_selected_action": [call.pk for call in calls]}
    return client.post(list_of(Call), body, follow=action != "export_csv")


def test_calls_are_scored_again_and_exported_from_the_admin(admin_client: Client) -> None:
    call = finished_call()
    assert "Being scored: 1." in act(admin_client, "score", call).content.decode()
    assert Evaluation.objects.filter(call=call).count() == 2
    exported = act(admin_client, "export_csv", call)
    assert str(call.public_id) in exported.getvalue().decode()


def test_a_call_that_is_over_is_not_hung_up(admin_client: Client) -> None:
    assert "Were over: 1." in act(admin_client, "hang_up", finished_call()).content.decode()


def test_operators_are_not_let_into_the_admin_and_history_is_not_changed_there(admin_client: Client) -> None:
    client = Client()
    client.force_login(operator())
    assert client.get("/admin/").status_code == 302
    entry = AuditEntry.objects.filter(actor="olga").first()
    assert entry is not None
    assert admin_client.post(f"/admin/klix_site/auditentry/{entry.pk}/delete/").status_code == 403
