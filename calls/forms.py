"""Forms about calls: which ones to list, and placing one."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents.models import E164, Agent, AgentVersion, Persona, Scenario
from calls.selectors import SHOWS, CallFilter


class CallFilterForm(forms.Form):
    """The list's state in the URL; what does not fit is left out rather than refused."""

    show = forms.ChoiceField(choices=[(show, show) for show in SHOWS], required=False)
    q = forms.CharField(max_length=100, required=False, strip=True)
    agent = forms.UUIDField(required=False)

    def chosen(self) -> CallFilter:
        self.is_valid()
        known = self.cleaned_data
        return CallFilter(known.get("show") or "all", known.get("q") or "", known.get("agent"))


class PlaceCallForm(forms.Form):
    """Who is called, and who calls: a simulated caller with a scenario, or nobody but the number to dial."""

    agent = forms.ModelChoiceField(Agent.objects.none(), empty_label="Choose an agent")
    persona = forms.ModelChoiceField(
        Persona.objects.none(), required=False, empty_label="No simulated caller", label="Simulated caller"
    )
    scenario = forms.ModelChoiceField(Scenario.objects.none(), required=False, empty_label="No scenario")
    to_number = forms.CharField(
        required=False,
        max_length=16,
        validators=[E164],
        label="Phone number",
        help_text="Instead of a simulated caller: the number that the agent calls, for example +14155550123.",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "off", "inputmode": "tel"}),
    )
    idempotency_key = forms.CharField(max_length=100, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("agent", Agent.objects.filter(archived_at=None, versions__isnull=False).distinct())
        self._choices("persona", Persona.objects.filter(archived_at=None))
        self._choices("scenario", Scenario.objects.filter(archived_at=None).select_related("persona"))

    def _choices(self, name: str, rows: Any) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = rows
        field.to_field_name = "public_id"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        scenario: Scenario | None = data.get("scenario")
        if scenario and not data.get("persona") and not data.get("to_number"):
            data["persona"] = scenario.persona
        if self.errors:
            return data
        if data["to_number"] and data.get("persona"):
            raise ValidationError("Choose either a simulated caller or a phone number, not both.")
        if not data["to_number"] and not data.get("persona"):
            missing = (
                f"The scenario {scenario.name!r} names no caller: choose one."
                if scenario
                else ("Say who is on the line: choose a simulated caller, or write a phone number.")
            )
            self.add_error("persona", missing)
        return data

    @property
    def version(self) -> AgentVersion:
        """The chosen agent's newest version."""
        version = self.cleaned_data["agent"].current_version
        assert isinstance(version, AgentVersion)
        return version
