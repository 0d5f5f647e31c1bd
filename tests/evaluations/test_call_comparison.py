"""A call beside an earlier one of its scenario."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from calls.models import Call
from evaluations.call_comparison import comparison, earlier_calls
from evaluations.models import Evaluation
from tests.factories import finished_call

pytestmark = pytest.mark.django_db


@pytest.fixture
def pair() -> tuple[Call, Call]:
    """The later one passes the judged criterion, and replies faster."""
    old = finished_call(recorded=False)
    new = finished_call(recorded=False, agent=old.agent)
    new.scenario, new.persona = old.scenario, old.persona
    new.save()
    evaluation = Evaluation.objects.get(call=new)
    evaluation.verdicts.filter(criterion_name="Confirms the corrected party size").update(outcome="pass")
    evaluation.verdicts.filter(criterion_name="Asks for a name before booking").update(outcome="fail")
    evaluation.verdicts.filter(criterion_name="Replies within 2.0 s").delete()
    evaluation.measurements.filter(metric="reply_time").update(parts={"p50": 1.0, "max": 3.12})
    return old, new


def test_what_got_worse_comes_first_and_a_criterion_of_one_call_alone_is_missing(pair: tuple[Call, Call]) -> None:
    told = comparison(*pair)
    changes = {each.name: each.change.word for each in told.criteria}
    assert told.criteria[0].name == "Asks for a name before booking"
    assert changes["Asks for a name before booking"] == "Regressed"
    assert changes["Confirms the corrected party size"] == "Fixed"
    assert changes["Replies within 2.0 s"] == "Missing"
    assert changes["Offers a person when asked"] == "Same"


def test_a_figure_that_did_not_change_tells_no_change(pair: tuple[Call, Call]) -> None:
    figures = {each.label: each for each in comparison(*pair).figures}
    assert figures["Median reply"].change == pytest.approx(-0.26)
    assert figures["Slowest reply"].change is None


def test_only_earlier_calls_of_the_same_scenario_and_agent_are_offered(pair: tuple[Call, Call]) -> None:
    old, new = pair
    finished_call(recorded=False, agent=old.agent)
    assert earlier_calls(new) == [old]
    assert earlier_calls(old) == []


def test_the_page_compares_with_the_last_one_or_says_that_there_is_none(
    pair: tuple[Call, Call], client: Client
) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    old, new = pair
    assert b"Regressed" in client.get(f"/calls/{new.public_id}/compare/").content
    assert b"There is no earlier call" in client.get(f"/calls/{old.public_id}/compare/?with=nonsense").content
    assert client.get(f"/calls/{new.public_id}/").content.count(b"/compare/") == 1
