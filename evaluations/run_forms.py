"""Starting a run: which calls, how often, and what it may cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Avg, QuerySet, Sum

from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.selectors import active_agents, active_personas, active_scenarios
from calls.audio.line.presets import PRESETS
from calls.models import Call
from evaluations.models import Evaluation, Measurement, Verdict
from evaluations.run_models import MAX_REPEATS, Suite
from evaluations.run_pages import dialling_s, in_words

USUAL_CALL_S = 90.0
LATELY = 200  # calls that an estimate looks back on


class NewRunForm(forms.Form):
    """A suite as it is, or a grid of scenarios and personas that becomes a suite of its own."""

    agent = forms.ModelChoiceField(Agent.objects.none())
    suite = forms.ModelChoiceField(
        Suite.objects.none(),
        required=False,
        empty_label="Choose scenarios below",
        help_text="Its scenarios are called.",
    )
    scenarios = forms.ModelMultipleChoiceField(
        Scenario.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    personas = forms.ModelMultipleChoiceField(
        Persona.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Choose none to have each scenario played by its own caller.",
    )
    lines = forms.MultipleChoiceField(
        choices=lambda: [(name, name[:1].upper() + name[1:]) for name in PRESETS],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Every call is made on each. Choose none to use each scenario's own line.",
    )
    repeats = forms.IntegerField(min_value=1, max_value=MAX_REPEATS, initial=1, required=False)
    name = forms.CharField(max_length=120, required=False, help_text="Of the suite that this grid becomes.")
    label = forms.CharField(max_length=120, required=False, help_text="A commit or a branch, for the reader.")
    max_minutes = forms.IntegerField(min_value=1, max_value=100_000, required=False, label="Stop after minutes")
    max_cost = forms.DecimalField(
        min_value=0, max_digits=10, decimal_places=4, required=False, label="Stop at a cost of"
    )
    confirm = forms.BooleanField(
        required=False, widget=forms.HiddenInput, label="Start it although the budget may end it"
    )

    def __init__(self, data: Mapping[str, Any] | None = None, *, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        choices: dict[str, QuerySet[Any]] = {
            "agent": active_agents().exclude(phone_number=""),
            "suite": Suite.objects.filter(archived_at=None),
            "scenarios": active_scenarios(),
            "personas": active_personas(),
        }
        for name, queryset in choices.items():
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = queryset

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        if not data["suite"] and not data["scenarios"]:
            self.add_error("scenarios", "Choose a suite, or at least one scenario.")
        elif not data["suite"]:
            self._check_grid(data)
        if not self.errors and (over := self._over_budget(data)) and not data["confirm"]:
            self.fields["confirm"].widget = forms.CheckboxInput()
            self.add_error("confirm", over)
        return data

    def _check_grid(self, data: dict[str, Any]) -> None:
        alone = [scenario.name for scenario in data["scenarios"] if scenario.persona_id is None]
        if alone and not data["personas"]:
            self.add_error("personas", f"Nobody plays {', '.join(alone)}: choose a persona.")
        if not data["name"]:
            self.add_error("name", "Name the suite that this grid becomes.")
        elif Suite.objects.filter(name=data["name"]).exists():
            self.add_error("name", "There is a suite of this name. Choose it above, or write another name.")

    def _over_budget(self, data: dict[str, Any]) -> str:
        told = self.estimate()
        if told is None:
            return ""
        if data["max_minutes"] is not None and told.phone_s / 60 > data["max_minutes"]:
            return f"These calls may take {in_words(told.phone_s)} on the phone, more than the budget."
        if data["max_cost"] is not None and told.cost is not None and told.cost > data["max_cost"]:
            return f"These calls may cost {told.cost:.2f}, more than the budget."
        return ""

    @property
    def version(self) -> AgentVersion:
        version = self.cleaned_data["agent"].current_version
        assert isinstance(version, AgentVersion)
        return version

    def suite_to_run(self) -> Suite:
        """The one chosen, or a new one of the grid."""
        data = self.cleaned_data
        if data["suite"]:
            chosen: Suite = data["suite"]
            return chosen
        lines = [{"name": name, "conditions": {"preset": name}} for name in data["lines"]]
        suite = Suite.objects.create(name=data["name"], repeats=data["repeats"] or 1, lines=lines)
        suite.scenarios.set(data["scenarios"])
        suite.personas.set(data["personas"])
        return suite

    def estimate(self) -> "Estimate | None":
        """Of what is chosen so far; None where that is no call yet."""
        data = self.cleaned_data
        suite = data.get("suite")
        scenarios = list(suite.scenarios.filter(archived_at=None)) if suite else list(data.get("scenarios") or ())
        personas = suite.personas.count() if suite else len(data.get("personas") or ())
        lines = len(suite.lines if suite else data.get("lines") or ())
        repeats = suite.repeats if suite else data.get("repeats") or 1
        calls = len(scenarios) * max(1, personas) * max(1, lines) * repeats
        return estimate(calls, scenarios) if calls else None


@dataclass(frozen=True, slots=True)
class Estimate:
    calls: int
    phone_s: float  # all calls one after the other
    cost: Decimal | None  # None: no call like these has told what it cost
    lines: int = 0

    @property
    def phone_words(self) -> str:
        return in_words(self.phone_s)

    @property
    def took_s(self) -> float:
        """On all lines, but no faster than calls may be placed."""
        at_once = self.phone_s / max(1, self.lines or self.calls)
        return max(at_once, self.calls * dialling_s())

    @property
    def took_words(self) -> str:
        return in_words(self.took_s)


def estimate(calls: int, scenarios: list[Scenario]) -> Estimate:
    """From the last calls of these scenarios, else of any."""
    over = Call.objects.exclude(answered_at=None).exclude(ended_at=None).order_by("-pk")
    lately = list(over.filter(scenario__in=scenarios)[:LATELY]) or list(over[:LATELY])
    lengths = [call.duration_s or 0.0 for call in lately]
    mean_s = sum(lengths) / len(lengths) if lengths else USUAL_CALL_S
    return Estimate(calls, calls * mean_s, _cost(lately, calls), settings.RUN_LINES)


def _cost(lately: list[Call], calls: int) -> Decimal | None:
    """Providers and judges of the last calls, times the number of calls now."""
    evaluations = Evaluation.objects.filter(call__in=lately, state=Evaluation.State.DONE)
    metered = Measurement.objects.filter(evaluation__in=evaluations, metric="cost").aggregate(mean=Avg("value"))["mean"]
    judged = Verdict.objects.filter(evaluation__in=evaluations).aggregate(total=Sum("cost"))["total"]
    if metered is None and not judged:
        return None
    return calls * (Decimal(str(metered or 0)) + (judged or Decimal(0)) / max(1, len(lately)))
