"""The admin pages of this app open, search and filter; history cannot be changed there."""

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Persona, Scenario
from agents.services import create_agent

pytestmark = pytest.mark.django_db


def test_the_lists_open_with_search_and_filters(admin_client: Client) -> None:
    create_agent("bot")
    Scenario.objects.create(name="order", persona=Persona.objects.create(name="Dana"))
    for model, name in (("agent", "bot"), ("agentversion", "bot"), ("persona", "Dana"), ("scenario", "order")):
        page = admin_client.get(reverse(f"admin:agents_{model}_changelist"), {"q": name})
        assert page.status_code == 200
        assert name in page.content.decode()
    active = admin_client.get(reverse("admin:agents_agent_changelist"), {"archived": "yes"})
    assert "0 agents" in active.content.decode()


def test_the_change_pages_open(admin_client: Client) -> None:
    agent = create_agent("bot", prompt="Take orders.")
    persona = Persona.objects.create(name="Dana")
    scenario = Scenario.objects.create(name="order", persona=persona)
    for model, pk in (("agent", agent.pk), ("persona", persona.pk), ("scenario", scenario.pk)):
        assert admin_client.get(reverse(f"admin:agents_{model}_change", args=[pk])).status_code == 200


def test_a_version_can_be_read_and_not_changed(admin_client: Client) -> None:
    version = create_agent("bot", prompt="Take orders.").current_version
    assert version is not None
    url = reverse("admin:agents_agentversion_change", args=[version.pk])
    assert "Take orders." in admin_client.get(url).content.decode()
    assert admin_client.post(url, {"prompt": "Steal."}).status_code == 403
    version.refresh_from_db()
    assert version.prompt == "Take orders."
