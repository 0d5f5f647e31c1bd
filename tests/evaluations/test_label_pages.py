"""People's labels on pages and over the API: one click, the sheet, CSV there and back, agreement."""

import csv
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from calls.models import Call
from evaluations.criteria.registry import Judgement
from evaluations.labelling import label_verdict
from evaluations.models import Criterion, Evaluation, Label, Verdict
from evaluations.outcomes import Outcome
from evaluations.selectors import people_said
from evaluations.services import _verdict
from klix_site.tokens import make_token
from tests.evaluations.runs.building import finished_run, make_agent, make_suite
from tests.factories import finished_call
from tests.people import operator, viewer

pytestmark = pytest.mark.django_db
FAILED = "Confirms the corrected party size"
PASSED = "Asks for a name before booking"


@pytest.fixture
def olga(client: Client) -> Client:
    client.force_login(operator())
    return client


@pytest.fixture
def call() -> Call:
    return finished_call(recorded=False)


def verdict_of(call: Call, name: str) -> Verdict:
    return Verdict.objects.get(evaluation__call=call, criterion_name=name)


def url_on_call(verdict: Verdict) -> str:
    return f"{verdict.evaluation.call.get_absolute_url()}verdicts/{verdict.public_id}/label/"


def sheet_of(verdict: Verdict) -> str:
    return f"{verdict.criterion.get_absolute_url()}labels/"


# --- On the page of a call --------------------------------------------------------------------------------------------
def test_one_click_beside_a_judged_verdict_overrides_it_and_another_takes_it_back(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, FAILED)
    page = olga.get(call.get_absolute_url()).content.decode()
    assert f'aria-label="Disagree: {FAILED}"' in page
    assert "Disagree: Replies within 2.0 s" not in page  # nobody judged that: it was measured
    answer = olga.post(url_on_call(verdict), {"outcome": "pass"})
    assert (answer.status_code, answer["Location"]) == (302, call.get_absolute_url())
    verdict.refresh_from_db()
    assert (verdict.outcome, verdict.counted) == ("fail", "pass")
    page = olga.get(call.get_absolute_url()).content.decode()
    assert "olga: passes" in page
    assert "the judge said fail" in page
    assert 'value="" aria-pressed="true"' in page
    olga.post(url_on_call(verdict), {"outcome": ""})
    verdict.refresh_from_db()
    assert (verdict.said, Label.objects.count()) == ("", 0)


def test_with_htmx_the_parts_of_the_page_come_back(olga: Client, call: Call) -> None:
    answer = olga.post(url_on_call(verdict_of(call, PASSED)), {"outcome": "fail"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert 'id="call-cols" hx-swap-oob="true"' in answer.content.decode()


def test_what_is_no_outcome_and_who_may_only_look_are_refused(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, PASSED)
    assert olga.post(url_on_call(verdict), {"outcome": "perhaps"}).status_code == 400
    olga.force_login(viewer())
    assert olga.post(url_on_call(verdict), {"outcome": "fail"}).status_code == 403
    assert not Label.objects.exists()


# --- What it changes --------------------------------------------------------------------------------------------------
def test_a_judge_that_is_asked_again_does_not_undo_what_people_say(call: Call) -> None:
    ann = User.objects.create_user("ann")
    verdict = verdict_of(call, FAILED)
    label_verdict(verdict, ann, "pass")
    said = people_said(call)
    again = Evaluation.objects.create(call=call, number=2)
    judged = Judgement(Outcome.FAIL, "Still.", decided_by="judge b")
    assert _verdict(again.pk, verdict.criterion, judged, said).counted is Outcome.PASS
    rule = Criterion.objects.get(name="Replies within 2.0 s")
    label_verdict(verdict_of(call, rule.name), ann, "pass")
    assert _verdict(again.pk, rule, judged, people_said(call)).counted is Outcome.FAIL


def test_the_case_of_a_run_follows_what_people_say(django_capture_on_commit_callbacks: Any) -> None:
    run = finished_run(["fail", "pass"], make_suite(2), make_agent())
    case = run.cases.get(index=0)
    assert case.call
    verdict = Verdict.objects.get(evaluation__call=case.call)
    with django_capture_on_commit_callbacks(execute=True):
        label_verdict(verdict, User.objects.create_user("ann"), "pass")
    case.refresh_from_db()
    assert (case.state, case.outcome, case.cause) == ("done", "pass", "")


# --- The sheet --------------------------------------------------------------------------------------------------------
def test_the_sheet_lists_what_nobody_has_labelled(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, FAILED)
    page = olga.get(sheet_of(verdict)).content.decode()
    assert 'To label <i id="count-open">1</i>' in page
    assert "A table for four," in page
    row = olga.post(f"{sheet_of(verdict)}{verdict.public_id}/", {"outcome": "fail"}, headers={"HX-Request": "true"})
    assert "people say: fail" in row.content.decode()
    assert '<i id="count-open" hx-swap-oob="true">0</i>' in row.content.decode()
    assert "No verdict of the judge waits" in olga.get(sheet_of(verdict)).content.decode()
    assert 'To label <i id="count-open">0</i>' in olga.get(f"{sheet_of(verdict)}?show=labelled").content.decode()
    assert olga.get(f"{sheet_of(verdict)}?show=other").status_code == 404


def test_of_a_call_that_was_scored_again_only_the_newest_verdict_is_on_the_sheet(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, FAILED)
    newer = Evaluation.objects.create(call=call, number=2, state="done")
    values = {"criterion": verdict.criterion, "kind": "judge", "kind_version": 1, "decided_by": "judge b"}
    Verdict.objects.create(evaluation=newer, criterion_name=FAILED, outcome="pass", reason="Newer.", **values)
    page = olga.get(sheet_of(verdict)).content.decode()
    assert 'To label <i id="count-open">1</i>' in page
    assert "Newer." in page


def upload(client: Client, verdict: Verdict, text: str) -> str:
    file = BytesIO(text.encode())
    file.name = "labels.csv"
    return client.post(f"{sheet_of(verdict)}upload/", {"file": file}, follow=True).content.decode()


def test_labels_go_out_as_csv_and_come_back(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, FAILED)
    text = olga.get(f"{verdict.criterion.get_absolute_url()}labels.csv").content.decode()
    (row,) = csv.DictReader(StringIO(text))
    assert (row["verdict"], row["outcome"], row["label"]) == (str(verdict.public_id), "fail", "")
    out = StringIO()
    writer = csv.DictWriter(out, list(row))
    writer.writeheader()
    writer.writerow({**row, "label": "pass", "note": "It did."})
    assert "1 label saved." in upload(olga, verdict, out.getvalue())
    label = Label.objects.get()
    assert (label.outcome, label.note, label.verdict) == ("pass", "It did.", verdict)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "must name the columns verdict and label"),
        ("verdict,label\nnobody,pass\n", "Line 2: this criterion has no verdict nobody"),
        ("verdict,label\n{id},pass\n{id},maybe\n", "Line 3: &#x27;maybe&#x27; is no label"),
        ("verdict,label\n\"{id},pass\n", "This is no CSV"),
    ],
)  # fmt: skip
def test_a_file_with_a_mistake_changes_nothing(olga: Client, call: Call, text: str, told: str) -> None:
    verdict = verdict_of(call, FAILED)
    assert told in upload(olga, verdict, text.replace("{id}", str(verdict.public_id)))
    assert not Label.objects.exists()


# --- Agreement --------------------------------------------------------------------------------------------------------
def test_criteria_show_how_well_their_judge_agrees_with_people(olga: Client) -> None:
    ann = User.objects.create_user("ann")
    criterion = Criterion.objects.create(name=FAILED, kind="judge")
    calls = [finished_call(recorded=False) for _ in range(20)]
    for number, each in enumerate(calls):
        label_verdict(verdict_of(each, FAILED), ann, "pass" if number < 5 else "fail")
        if number == 18:
            assert "not yet validated: 19 of 20 labels" in olga.get("/criteria/").content.decode()
    page = olga.get("/criteria/").content.decode()
    assert "agrees with people in 75 % of 20, κ 0.00" in page
    assert "not yet validated: 0 of 20 labels" in page  # the other judged criteria
    page = olga.get(criterion.get_absolute_url()).content.decode()
    assert "53 % to 89 %, 15 of 20" in page
    assert "0 % to 43 %, 0 of 5" in page
    assert "80 % to 100 %, 15 of 15" in page


def test_the_labelled_calls_are_scored_again_at_one_press(olga: Client, call: Call) -> None:
    verdict = verdict_of(call, FAILED)
    finished_call(recorded=False)
    label_verdict(verdict, User.objects.create_user("ann"))
    olga.post(f"{verdict.criterion.get_absolute_url()}rescore/", {"calls": "labelled"})
    assert [each.call for each in Evaluation.objects.filter(number=2)] == [call]
    olga.post(f"{verdict.criterion.get_absolute_url()}rescore/", {"calls": "last"})
    assert Evaluation.objects.filter(number=2).count() == 2


# --- The API ----------------------------------------------------------------------------------------------------------
def test_labels_are_made_and_listed_over_the_api_once(call: Call) -> None:
    token = make_token("labels", operator(), scopes=("read", "write"))
    api = Client(headers={"Authorization": f"Bearer {token}"})
    verdict = verdict_of(call, FAILED)
    body = {"verdict": str(verdict.public_id), "outcome": "pass"}
    made = [api.post("/api/v1/labels/", body, content_type="application/json") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 200]
    assert made[0].json()["id"] == made[1].json()["id"]
    (listed,) = api.get("/api/v1/labels/", {"criterion": FAILED}).json()["results"]
    assert (listed["person"], listed["outcome"], listed["judged"]) == ("olga", "pass", "fail")
    (shown,) = api.get("/api/v1/verdicts/", {"criterion": FAILED}).json()["results"]
    assert (shown["outcome"], shown["said"]) == ("fail", "pass")
    wrong = api.post("/api/v1/labels/", {**body, "outcome": "perhaps"}, content_type="application/json")
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["outcome"])
    assert api.delete(f"/api/v1/labels/{listed['id']}/").status_code == 204
    assert not Label.objects.exists()
