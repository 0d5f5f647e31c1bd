"""Editing a criterion: its kind, and its config as typed fields or as JSON."""

import json
from typing import Any, Final

from django import forms

from evaluations.applying import leads_back
from evaluations.criteria.registry import CriterionType, Setting, all_types, get_type
from evaluations.models import Criterion
from evaluations.outcomes import Outcome

PREFIX: Final = "config__"


def _field(setting: Setting) -> forms.Field:
    common: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": setting.required}
    if setting.kind == "flag":
        return forms.BooleanField(**{**common, "required": False})
    if setting.kind == "number":
        return forms.FloatField(**common)
    if setting.kind == "choice":
        return forms.ChoiceField(**common, choices=[(choice, choice) for choice in setting.choices])
    return forms.CharField(**common, widget=forms.Textarea(attrs={"rows": 2}))


class CriterionForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """`kind` (of the instance, the data or `initial`) decides which config fields there are; `config`, if it is sent
    and not blank, is the whole config as JSON and wins over them."""

    kind = forms.ChoiceField(label="Kind")
    config = forms.CharField(
        label="As JSON", required=False, widget=forms.Textarea(attrs={"rows": 6}), help_text="Instead of the fields."
    )

    class Meta:
        model = Criterion
        fields = (
            "name",
            "description",
            "kind",
            "is_critical",
            "weight",
            "condition",
            "condition_outcome",
            "agents",
            "scenarios",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kinds = forms.ChoiceField(label="Kind", choices=[(each.name, each.label) for each in all_types()])
        self.fields["kind"] = kinds
        for name, initial in (("weight", 1.0), ("condition_outcome", Outcome.PASS)):
            self.fields[name].required = False  # a form that does not show them keeps what is there
            self.fields[name].initial = initial
        self.fields["condition"].label, self.fields["condition_outcome"].label = "Applies only where", "has the outcome"
        self.fields["condition"].help_text = "Another criterion; on other calls this one is not applicable."
        if isinstance(other := self.fields["condition"], forms.ModelChoiceField):
            other.queryset = Criterion.objects.filter(archived_at=None).exclude(pk=self.instance.pk)
        self.type = get_type(str(self["kind"].value() or "")) or all_types()[0]
        # `config` is no field of the form's model part: it is put together in `clean`.
        known = self.type.complete(self.instance.config if self.instance.kind == self.type.name else {})
        for setting in self.type.settings:
            self.fields[PREFIX + setting.name] = _field(setting)
            self.initial.setdefault(PREFIX + setting.name, known[setting.name])

    def full_clean(self) -> None:
        if self.is_bound and self.data.get(self.add_prefix("config"), "").strip():
            # The JSON is the whole config: what the typed fields lack does not matter then.
            for setting in self.type.settings:
                self.fields[PREFIX + setting.name].required = False
        super().full_clean()

    @property
    def config_fields(self) -> list[forms.BoundField]:
        return [self[PREFIX + setting.name] for setting in self.type.settings]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        written = cleaned.get("config", "").strip()
        if any(name.startswith(PREFIX) for name in self.errors):
            return cleaned
        config = self._parsed(written) if written else self._from_fields(cleaned)
        if "config" not in self.errors:
            self._report(self.type, config, as_json=bool(written))
            cleaned["config"] = config
        return cleaned

    def clean_weight(self) -> float:
        weight = self.cleaned_data.get("weight")
        return float(self.instance.weight if weight is None else weight)

    def clean_condition_outcome(self) -> str:
        return str(self.cleaned_data.get("condition_outcome") or self.instance.condition_outcome)

    def clean_condition(self) -> Criterion | None:
        """Raises ValidationError for a condition that leads back to this criterion."""
        chosen: Criterion | None = self.cleaned_data.get("condition")
        if leads_back(chosen, self.instance):
            raise forms.ValidationError("That criterion itself waits for this one: choose another.")
        return chosen

    def draft(self) -> Criterion:
        """The criterion as the form has it, unsaved."""
        criterion: Criterion = self.instance
        criterion.config = self.cleaned_data["config"]
        return criterion

    def save(self, commit: bool = True) -> Criterion:
        self.draft()
        saved: Criterion = super().save(commit)
        return saved

    def _parsed(self, text: str) -> object:
        try:
            return json.loads(text)
        except ValueError as error:
            self.add_error("config", f"Is not JSON: {error}.")
            return None

    def _from_fields(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        values = {setting.name: cleaned.get(PREFIX + setting.name) for setting in self.type.settings}
        return {name: value for name, value in values.items() if value not in (None, "")}

    def _report(self, kind: CriterionType, config: object, *, as_json: bool) -> None:
        for path, message in kind.problems(config):
            field = PREFIX + path.partition(".")[0]
            if as_json or field not in self.fields:
                self.add_error("config", f"{path}: {message}" if path else message)
            else:
                self.add_error(field, message)
