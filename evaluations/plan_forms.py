"""Editing suites, schedules and alert rules."""

from typing import Any

from django import forms

from agents.selectors import active_agents, active_personas, active_scenarios
from calls.audio.line.spec import LineError, parse_line
from evaluations.metrics.registry import all_metrics
from evaluations.models import Criterion
from evaluations.run_models import AlertRule, Schedule, Suite
from evaluations.runs.alert_rules import PARTS


def _restrict(form: forms.BaseForm, **querysets: Any) -> None:
    """What a form may choose from: nothing that is archived, but what was chosen before stays."""
    for name, queryset in querysets.items():
        field = form.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = queryset


class SuiteForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = Suite
        fields = (
            "name",
            "description",
            "scenarios",
            "personas",
            "lines",
            "repeats",
            "criteria",
            "required_pass_rate",
            "margin",
            "strict_judges",
        )
        widgets = {
            "scenarios": forms.CheckboxSelectMultiple,
            "personas": forms.CheckboxSelectMultiple,
            "criteria": forms.CheckboxSelectMultiple,
        }
        help_texts = {
            "personas": "Choose none to have each scenario played by its own caller.",
            "criteria": "Choose none to let every criterion that applies to a call decide.",
            "required_pass_rate": "0 to 1: the gate wants at least this share to pass.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        criteria = Criterion.objects.filter(archived_at=None)
        _restrict(self, scenarios=active_scenarios(), personas=active_personas(), criteria=criteria)

    def clean_lines(self) -> list[dict[str, Any]]:
        """Raises ValidationError with what to change."""
        lines = self.cleaned_data["lines"] or []
        if not isinstance(lines, list) or not all(isinstance(line, dict) and line.get("name") for line in lines):
            raise forms.ValidationError('Write a list: [{"name": "street", "conditions": {…}}], or leave it empty.')
        if len({line["name"] for line in lines}) < len(lines):
            raise forms.ValidationError("Each line needs a name of its own.")
        for line in lines:
            try:
                parse_line(line.get("conditions", {}))
            except LineError as error:
                raise forms.ValidationError([f"{line['name']}: {problem}" for problem in error.problems]) from error
        return lines


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    class Meta:
        model = Schedule
        fields = ("suite", "agent", "cron", "max_minutes", "max_cost", "is_enabled")
        labels = {"max_minutes": "Stop after minutes", "max_cost": "Stop at a cost of", "is_enabled": "Enabled"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agents = active_agents().exclude(phone_number="")
        _restrict(self, suite=Suite.objects.filter(archived_at=None), agent=agents)

    def save(self, commit: bool = True) -> Schedule:
        # The next time is found anew: a schedule that was late, or at another time, does not start at once.
        self.instance.next_at = None
        self.instance.problem = ""
        saved: Schedule = super().save(commit)
        return saved


class AlertRuleForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    figure = forms.ChoiceField(required=False, help_text="For the condition “a figure above the threshold”.")
    part = forms.ChoiceField(
        required=False, choices=[(part, part) for part in PARTS], help_text="Of the figure, over the calls of a run."
    )

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "suite",
            "agent",
            "condition",
            "threshold",
            "figure",
            "part",
            "baseline",
            "window",
            "occurrences",
            "cool_down_minutes",
            "channel",
            "target",
            "is_enabled",
        )
        labels = {"is_enabled": "Enabled", "cool_down_minutes": "Cool-down, minutes"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _restrict(self, suite=Suite.objects.filter(archived_at=None), agent=active_agents())
        for name in ("suite", "agent"):
            about = self.fields[name]
            assert isinstance(about, forms.ModelChoiceField)
            about.empty_label = f"Every {name}"
        named = [(metric.name, metric.label) for metric in all_metrics()]
        figure = self.fields["figure"]
        assert isinstance(figure, forms.ChoiceField)
        figure.choices = [("", "None"), *named]
