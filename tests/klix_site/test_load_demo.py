"""`manage.py load_demo` may run at every start."""

from io import StringIO

import pytest
from django.core.management import call_command

from agents.models import Agent, Scenario
from evaluations.models import Criterion

pytestmark = pytest.mark.django_db


def test_the_demo_is_loaded_once_however_often_the_command_runs() -> None:
    for _ in range(2):
        out = StringIO()
        call_command("load_demo", stdout=out)
        assert "burger_bot" in out.getvalue()
    counts = (Agent.objects.count(), Scenario.objects.count(), Criterion.objects.count())
    assert counts[:2] == (2, 3)
    assert counts[2] > 0
