"""How the API takes and shows personas, scenarios, criteria and suites (by name), and the start of a run."""

from typing import Any

from django.db.models import Model
from rest_framework import serializers

from agents.errors import Misconfigured
from agents.models import Agent, Persona, Scenario
from agents.providers.registry import BRAINS, EARS, VOICES, BrainSetup
from agents.secrets import unmasked
from agents.serializers import OptionsField, Strict
from calls.audio.line.spec import LineError, parse_line
from evaluations.applying import leads_back
from evaluations.criteria.registry import get_type
from evaluations.models import Criterion
from evaluations.run_models import Run, Suite


def named(model: type[Model], **more: Any) -> Any:
    """A relation by name."""
    found = model._default_manager.filter(archived_at=None)
    told: dict[str, Any] = {"does_not_exist": f"There is no {model._meta.verbose_name} named “{{value}}”."}
    return serializers.SlugRelatedField(slug_field="name", queryset=found, error_messages=told, **more)


def name_field(most: int) -> serializers.CharField:
    """The name tells which one is meant: that it exists already is no error."""
    return serializers.CharField(max_length=most)


def checked_line(line: dict[str, Any]) -> dict[str, Any]:
    try:
        parse_line(line)
    except LineError as error:
        raise serializers.ValidationError(error.problems) from error
    return line


# --- Definitions ------------------------------------------------------------------------------------------------------
class PersonaSerializer(Strict[Persona]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    name = name_field(100)
    brain_options = OptionsField(required=False)
    ears_options = OptionsField(required=False)
    voice_options = OptionsField(required=False)

    class Meta:
        model = Persona
        fields = (
            "id",
            "name",
            "description",
            "phone_number",
            "manner",
            "brain",
            "brain_options",
            "ears",
            "ears_options",
            "voice",
            "voice_options",
            "language",
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for name in ("brain_options", "ears_options", "voice_options"):
            if name in attrs:
                attrs[name] = unmasked(attrs[name], getattr(self.instance, name, None))
        problems = {}
        for field, registry in (("brain", BRAINS), ("ears", EARS), ("voice", VOICES)):
            if name := str(attrs.get(field, "")).partition(":")[0]:
                try:
                    registry.get(name)
                except Misconfigured as error:
                    problems[field] = [error.message]
        if problems:
            raise serializers.ValidationError(problems)
        return attrs


class ScenarioSerializer(Strict[Scenario]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    name = name_field(120)
    persona = named(Persona, required=False, allow_null=True)
    facts = serializers.DictField(required=False)
    script = serializers.DictField(required=False)
    line = serializers.DictField(required=False)

    class Meta:
        model = Scenario
        fields = (
            "id",
            "name",
            "goal",
            "facts",
            "script",
            "outcome",
            "line",
            "persona",
            "on_voicemail",
            "voicemail_message",
        )

    def validate_line(self, line: dict[str, Any]) -> dict[str, Any]:
        return checked_line(line)

    def validate_script(self, script: dict[str, Any]) -> dict[str, Any]:
        check = BRAINS.get("script").check
        if script and check:
            try:
                check(BrainSetup(side="caller", options={"script": script}))
            except Misconfigured as error:
                raise serializers.ValidationError(error.message) from error
        return script


class CriterionSerializer(Strict[Criterion]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    name = name_field(120)
    config = serializers.DictField(required=False)
    condition = named(
        Criterion, required=False, allow_null=True, help_text="Applied only where this criterion had that outcome."
    )
    agents = named(Agent, many=True, required=False)
    scenarios = named(Scenario, many=True, required=False)

    class Meta:
        model = Criterion
        fields = (
            "id",
            "name",
            "description",
            "kind",
            "config",
            "is_critical",
            "weight",
            "condition",
            "condition_outcome",
            "agents",
            "scenarios",
        )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        asked = attrs.get("kind", self.instance.kind if self.instance else "")
        kind = get_type(asked)
        if kind is None:
            raise serializers.ValidationError({"kind": [f"There is no criterion type named {asked!r}."]})
        config = attrs.get("config", self.instance.config if self.instance else {})
        if problems := kind.problems(config):
            raise serializers.ValidationError({f"config.{path}".strip("."): [told] for path, told in problems})
        return attrs

    def validate_condition(self, chosen: Criterion | None) -> Criterion | None:
        if self.instance and leads_back(chosen, self.instance):
            raise serializers.ValidationError("That criterion itself waits for this one: choose another.")
        return chosen


class LineSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    conditions = serializers.DictField(required=False)

    def validate_conditions(self, line: dict[str, Any]) -> dict[str, Any]:
        return checked_line(line)


class SuiteSerializer(Strict[Suite]):
    id = serializers.UUIDField(source="public_id", read_only=True)
    name = name_field(120)
    scenarios = named(Scenario, many=True, allow_empty=False)
    personas = named(Persona, many=True, required=False)
    criteria = named(Criterion, many=True, required=False)
    lines = LineSerializer(many=True, required=False)

    class Meta:
        model = Suite
        fields = (
            "id",
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

    def validate_lines(self, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [line["name"] for line in lines]
        if len(set(names)) < len(names):
            raise serializers.ValidationError("Each line needs a name of its own.")
        return lines

    # The nested lines are a JSON column, so the model's own create and update do.
    def create(self, validated_data: dict[str, Any]) -> Suite:
        related = {name: validated_data.pop(name) for name in RELATED if name in validated_data}
        suite = Suite.objects.create(**validated_data)
        for name, found in related.items():
            getattr(suite, name).set(found)
        return suite

    def update(self, instance: Suite, validated_data: dict[str, Any]) -> Suite:
        for name, value in validated_data.items():
            if name in RELATED:
                getattr(instance, name).set(value)
            else:
                setattr(instance, name, value)
        instance.save()
        return instance


RELATED = ("scenarios", "personas", "criteria")


# --- Runs -------------------------------------------------------------------------------------------------------------
class StartRunSerializer(Strict[Run]):
    suite = named(Suite)
    agent = named(Agent)
    version = serializers.IntegerField(required=False, min_value=1, help_text="Without it: the agent's current one.")
    max_cost = serializers.DecimalField(max_digits=10, decimal_places=4, required=False, min_value=0)
    max_minutes = serializers.IntegerField(required=False, min_value=1, max_value=100_000)
    seed = serializers.IntegerField(required=False, min_value=0, max_value=2**31 - 1)

    strict_judges = serializers.BooleanField(
        required=False,
        help_text="Whether judges with fewer than 20 labels decide too. Default: as the suite says.",
    )

    class Meta:
        model = Run
        fields = ("suite", "agent", "version", "max_cost", "max_minutes", "seed", "label", "strict_judges")
