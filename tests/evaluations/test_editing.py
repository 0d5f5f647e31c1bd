import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from agents.models import Agent
from calls.audio import wav
from evaluations.criteria.registry import get_type
from evaluations.demo import CRITERIA, load_demo
from evaluations.forms import PREFIX, CriterionForm
from evaluations.metrics.registry import all_metrics
from evaluations.models import Criterion


def form(**data: Any) -> CriterionForm:
    base = {"name": "Quick", "kind": "metric", "is_critical": "on"}
    return CriterionForm(data={**base, **data})


# --- The form ---------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_criterion_is_made_from_typed_fields() -> None:
    fields = {"figure": "reply_time p95", "op": "<=", "limit": "2"}
    made = form(**{PREFIX + name: value for name, value in fields.items()})
    assert made.is_valid(), made.errors
    assert made.save().config == {"figure": "reply_time", "part": "p95", "op": "<=", "limit": 2.0}


@pytest.mark.django_db
def test_a_problem_is_shown_at_its_field() -> None:
    made = form(**{PREFIX + "figure": "charm", PREFIX + "op": "<=", PREFIX + "limit": "2"})
    assert list(made.errors) == [PREFIX + "figure"]
    assert list(form(**{PREFIX + "op": "<="}).errors) == [PREFIX + "figure", PREFIX + "limit"]


@pytest.mark.django_db
def test_figures_are_chosen_from_a_list_with_all_their_parts_and_units() -> None:
    page = str(CriterionForm(initial={"kind": "metric"})[PREFIX + "figure"])
    assert '<optgroup label="Reply time">' in page
    assert '<option value="reply_time p95">Reply time p95 (s)</option>' in page
    assert '<option value="dead_air value">Dead air</option>' in page
    offered = re.findall(r'<option value="(\w+) (\w+)">', page)
    assert len(offered) == len(set(offered)) == sum(1 + len(each.parts) for each in all_metrics())


@pytest.mark.django_db
def test_a_stored_figure_is_chosen_and_one_that_is_no_more_is_not_replaced_in_silence() -> None:
    config = {"figure": "reply_time", "part": "p95", "limit": 2}
    stored = Criterion.objects.create(name="Quick", kind="metric", config=config)
    assert '<option value="reply_time p95" selected>' in str(CriterionForm(instance=stored)[PREFIX + "figure"])
    stored.config = {"figure": "charm", "limit": 2}
    shown = str(CriterionForm(instance=stored)[PREFIX + "figure"])
    assert "selected" not in shown
    assert '<option value="">Choose one</option>' in shown


@pytest.mark.django_db
def test_a_unit_that_does_not_fit_is_told_beside_the_unit() -> None:
    made = form(
        **{PREFIX + "figure": "dead_air value", PREFIX + "op": "<=", PREFIX + "limit": "2", PREFIX + "unit": "s"}
    )
    assert list(made.errors) == [PREFIX + "unit"]


@pytest.mark.django_db
def test_a_criterion_is_made_from_json() -> None:
    made = form(config='{"figure": "dead_air", "limit": 0}')
    assert made.is_valid(), made.errors
    assert made.save().config == {"figure": "dead_air", "limit": 0}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "Is not JSON"), ("[]", "Must be an object"), ('{"figure": "charm", "limit": 1}', "figure: Is no figure")],
)
def test_json_errors_name_the_path(text: str, told: str) -> None:
    made = form(config=text)
    assert list(made.errors) == ["config"]
    assert told in str(made.errors["config"])


@pytest.mark.django_db
def test_an_unknown_kind_is_refused() -> None:
    assert "kind" in form(kind="telepathy").errors


@pytest.mark.django_db
def test_the_form_shows_what_a_criterion_holds() -> None:
    criterion = Criterion.objects.create(name="Says hi", kind="phrase", config={"phrase": "hi", "by": "caller"})
    shown = {field.name: field.value() for field in CriterionForm(instance=criterion).config_fields}
    assert shown[PREFIX + "phrase"] == "hi"
    assert shown[PREFIX + "by"] == "caller"
    assert shown[PREFIX + "said"] is True


@pytest.mark.django_db
def test_a_flag_that_is_not_ticked_is_off() -> None:
    made = form(
        kind="phrase",
        **{PREFIX + "phrase": "no", PREFIX + "match": "words", PREFIX + "by": "agent"},
        **{PREFIX + "when": "any", PREFIX + "other_by": "anyone"},
    )
    assert made.is_valid(), made.errors
    assert made.save().config["said"] is False


# --- The demo ---------------------------------------------------------------------------------------------------------
def test_every_demo_criterion_is_valid() -> None:
    for name, kind, config, *_ in CRITERIA:
        found = get_type(kind)
        assert found is not None
        assert found.problems(config) == [], name


@pytest.mark.django_db
def test_the_demo_is_loaded_once_and_keeps_what_was_edited() -> None:
    agent = Agent.objects.create(name="burger_bot")
    first = load_demo()
    Criterion.objects.filter(pk=first[0].pk).update(config={"phrase": "edited"})
    assert [criterion.pk for criterion in load_demo()] == [criterion.pk for criterion in first]
    assert Criterion.objects.get(pk=first[0].pk).config == {"phrase": "edited"}
    assert agent.criteria.count() == 3
    assert not Criterion.objects.get(kind="judge").is_critical


# --- The admin --------------------------------------------------------------------------------------------------------
@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ann", password="x"))
    return client


@pytest.mark.django_db
def test_the_admin_lists_everything_and_changes_no_history(staff: Client) -> None:
    load_demo()
    for model in ("criterion", "evaluation", "verdict", "measurement"):
        assert staff.get(f"/admin/evaluations/{model}/", {"q": "x"}).status_code == 200
    assert staff.get("/admin/evaluations/evaluation/add/").status_code == 403


@pytest.mark.django_db
def test_the_admin_edits_a_criterion(staff: Client) -> None:
    criterion = Criterion.objects.create(name="c", kind="metric", config={"figure": "dead_air", "limit": 0})
    url = f"/admin/evaluations/criterion/{criterion.pk}/change/"
    assert b"config__figure" in staff.get(url).content
    fields = {"config__figure": "dead_air longest", "config__op": "<=", "config__limit": "4"}
    answer = staff.post(url, {"name": "c", "kind": "metric", "config": "", **fields})
    assert answer.status_code == 302, answer.content.decode()
    criterion.refresh_from_db()
    assert criterion.config == {"figure": "dead_air", "part": "longest", "op": "<=", "limit": 4.0}


# --- The command ------------------------------------------------------------------------------------------------------
@pytest.fixture
def silent_stereo(tmp_path: Path) -> Path:
    path = tmp_path / "silence.wav"
    wav.write(path, np.zeros((4 * 16000, 2), np.int16), 16000)
    return path


def test_the_figures_of_a_file_are_printed_as_json(silent_stereo: Path) -> None:
    out = StringIO()
    call_command("measure", str(silent_stereo), "--json", stdout=out)
    measured = json.loads(out.getvalue())
    assert measured["duration_ms"] == 4000
    assert measured["segments"] == {"caller": [], "agent": []}
    assert measured["figures"]["dead_air"]["value"] == 1
    assert measured["figures"]["first_word"]["note"] == "The agent never spoke."


def test_the_figures_of_a_file_are_printed_as_a_table(silent_stereo: Path) -> None:
    out = StringIO()
    call_command("measure", str(silent_stereo), stdout=out)
    rows = out.getvalue().splitlines()
    assert rows[0].split() == ["figure", "value", "unit", "n", "parts", "note"]
    assert any(row.startswith("Dead air") and "longest 4" in row for row in rows)


def test_a_file_that_cannot_be_read_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("no audio")
    with pytest.raises(CommandError, match=r"Cannot read .*not a WAV file"):
        call_command("measure", str(tmp_path / "x.wav"))
    with pytest.raises(CommandError, match="Cannot read"):
        call_command("measure", str(tmp_path / "missing.wav"))
