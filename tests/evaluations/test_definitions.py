"""Test design as YAML: written, and read back."""

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from agents.models import Persona, Scenario
from evaluations.definitions import DefinitionError, as_yaml, save_all
from evaluations.models import Criterion

pytestmark = pytest.mark.django_db
TWO = """
kind: scenario
name: Corrects the party size
goal: Book for four, then make it five.
persona: Dana
---
kind: persona
name: Dana
description: In a hurry
"""


def test_documents_may_name_each_other_in_any_order() -> None:
    assert save_all(TWO) == [("persona", "Dana"), ("scenario", "Corrects the party size")]
    assert Scenario.objects.get().persona == Persona.objects.get()


def test_what_is_written_is_read_back_as_the_same() -> None:
    save_all(TWO)
    scenario = Scenario.objects.get()
    written = as_yaml("scenario", scenario)
    Scenario.objects.all().delete()
    save_all(written)
    again = Scenario.objects.get()
    assert (again.name, again.goal, again.persona) == (scenario.name, scenario.goal, scenario.persona)
    assert as_yaml("scenario", again) == written


def test_a_name_that_is_there_already_is_edited_and_comes_back_from_the_archive() -> None:
    save_all(TWO)
    Persona.objects.update(archived_at="2026-01-01T00:00Z", description="old")
    save_all("kind: persona\nname: Dana\ndescription: new\n")
    persona = Persona.objects.get()
    assert (persona.description, persona.archived_at) == ("new", None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no document"),
        ("kind: agent\nname: x", "kind must be one of"),
        ("kind: persona", "name is missing"),
        ("kind: persona\nname: x\nmood: y", "mood: Unknown field"),
        ("kind: [", "Line 1 is no YAML"),
        ("a: &a [1]\nb: *a", "aliases are not read"),
        ("!!python/object/apply:os.system ['true']", "no YAML"),
        ("kind: scenario\nname: x\nline: {preset: mars}", "There is no preset"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        save_all(text)


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


def test_a_file_is_brought_in_whole_or_not_at_all(staff: Client) -> None:
    bad = SimpleUploadedFile("x.yaml", (TWO + "---\nkind: persona\nname: ''\n").encode())
    answer = staff.post("/definitions/import/", {"file": bad})
    assert answer.status_code == 422
    assert b"name is missing" in answer.content
    assert not Persona.objects.exists()
    answer = staff.post("/definitions/import/", {"file": SimpleUploadedFile("x.yaml", TWO.encode())}, follow=True)
    assert b"Saved: persona Dana, scenario Corrects the party size." in answer.content


def test_a_scenario_is_taken_away_as_yaml(staff: Client) -> None:
    save_all(TWO)
    answer = staff.get(f"/scenarios/{Scenario.objects.get().public_id}/scenario.yaml")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.content.startswith(b"kind: scenario\nname: Corrects the party size\n")


def test_criteria_for_chosen_scenarios_are_picked_on_the_scenarios_page(staff: Client) -> None:
    save_all(TWO)
    scenario, other = Scenario.objects.get(), Scenario.objects.create(name="Other")
    everywhere, elsewhere, only = (Criterion.objects.create(name=name, kind="ending") for name in "abc")
    elsewhere.scenarios.set([other])
    only.scenarios.set([scenario])
    staff.post(f"/scenarios/{scenario.public_id}/criteria/", {"criterion": [str(elsewhere.public_id)]})
    assert set(elsewhere.scenarios.all()) == {scenario, other}
    assert set(only.scenarios.all()) == {scenario}, "without any scenario it would apply to all"
    assert not everywhere.scenarios.exists()
    staff.post(f"/scenarios/{scenario.public_id}/criteria/", {})
    assert set(elsewhere.scenarios.all()) == {other}
