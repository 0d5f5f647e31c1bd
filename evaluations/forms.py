"""Editing a criterion: its kind, and its config as typed fields or as JSON."""

import json
from collections.abc import Iterable
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


def fields_of(kind: CriterionType) -> dict[str, tuple[Setting, ...]]:
    """Config field → the settings that it asks for: one, or those that are chosen together."""
    known = {setting.name: setting for setting in kind.settings}
    joined = tuple(known[name] for name in kind.together)
    alone = {PREFIX + name: (setting,) for name, setting in known.items() if name not in kind.together[1:]}
    return alone | ({PREFIX + joined[0].name: joined} if joined else {})


def _joined_field(kind: CriterionType, setting: Setting) -> forms.Field:
    groups = [(label, [(_joined(values), told) for values, told in offered]) for label, offered in kind.offers()]
    return forms.ChoiceField(label=setting.label, required=setting.required, choices=[("", "Choose one"), *groups])


def _joined(values: Iterable[object]) -> str:
    """Names without spaces, so that they can be taken apart again."""
    return " ".join(map(str, values)).strip()


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
        widgets = {"agents": forms.CheckboxSelectMultiple, "scenarios": forms.CheckboxSelectMultiple}
        labels = {"is_critical": "Critical"}
        help_texts = {
            "agents": "Choose none to apply it to every agent.",
            "scenarios": "Choose none to apply it to every scenario.",
        }

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
            other.empty_label = "Always"
            other.queryset = Criterion.objects.filter(archived_at=None).exclude(pk=self.instance.pk)
        self.type = get_type(str(self["kind"].value() or "")) or all_types()[0]
        # `config` is no field of the form's model part: it is put together in `clean`.
        known = self.type.complete(self.instance.config if self.instance.kind == self.type.name else {})
        self.asked = fields_of(self.type)
        for name, settings in self.asked.items():
            is_joined = len(settings) > 1
            self.fields[name] = _joined_field(self.type, settings[0]) if is_joined else _field(settings[0])
            values = [known[setting.name] for setting in settings]
            self.initial.setdefault(name, _joined(values) if is_joined else values[0])
        # What the rule is comes before what follows from it.
        self.order_fields(["name", "description", "kind", *self.asked, "config"])

    def full_clean(self) -> None:
        if self.is_bound and self.data.get(self.add_prefix("config"), "").strip():
            # The JSON is the whole config: what the typed fields lack does not matter then.
            for name in self.asked:
                self.fields[name].required = False
        super().full_clean()

    @property
    def config_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.asked]

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
        values: dict[str, Any] = {}
        for name, settings in self.asked.items():
            given = [cleaned.get(name)] if len(settings) == 1 else str(cleaned.get(name) or "").split()
            values |= dict(zip((setting.name for setting in settings), given, strict=False))
        return {name: value for name, value in values.items() if value not in (None, "")}

    def _report(self, kind: CriterionType, config: object, *, as_json: bool) -> None:
        field_of = {setting.name: name for name, settings in self.asked.items() for setting in settings}
        for path, message in kind.problems(config):
            field = field_of.get(path.partition(".")[0], "")
            if as_json or field not in self.fields:
                self.add_error("config", f"{path}: {message}" if path else message)
            else:
                self.add_error(field, message)
