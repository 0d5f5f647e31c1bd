"""How the API takes and shows schedules and alert rules: by the rules of the pages' forms. And alerts, to be read."""

from typing import Any, ClassVar, TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Model
from django.forms import ModelForm, model_to_dict
from rest_framework import serializers

from agents.models import Agent
from agents.secrets import MASK
from agents.serializers import Strict
from evaluations.plan_forms import AlertRuleForm, ScheduleForm
from evaluations.run_models import Alert, AlertRule, Schedule, Suite
from evaluations.serializers import named

M = TypeVar("M", bound=Model)


class ByForm(Strict[M]):
    """What is sent is checked, and saved, by the form that the page has."""

    form_class: ClassVar["type[ModelForm[Any]]"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        instance = self.instance or self.form_class._meta.model()
        before = model_to_dict(instance, fields=self.form_class._meta.fields)
        given = {name: value.pk if isinstance(value, Model) else value for name, value in attrs.items()}
        self._form = self.form_class(before | given, instance=instance)
        if not self._form.is_valid():
            raise serializers.ValidationError(
                {
                    "non_field_errors" if name == "__all__" else name: [str(reason) for reason in reasons]
                    for name, reasons in self._form.errors.items()
                }
            )
        return attrs

    def save(self, **kwargs: Any) -> M:
        try:
            with transaction.atomic():
                saved: M = self._form.save()
        except IntegrityError as error:
            raise serializers.ValidationError("Another one has this name. Choose another.") from error
        self.instance = saved
        return saved


class ScheduleSerializer(ByForm[Schedule]):
    """When a suite is run by itself. `next_at` is null until the next time is found, `problem` what kept the last one
    from starting."""

    form_class = ScheduleForm
    id = serializers.UUIDField(source="public_id", read_only=True)
    suite = named(Suite, help_text="By its name.")
    agent = named(Agent, help_text="By its name; it has a phone number.")

    class Meta:
        model = Schedule
        fields = (
            "id",
            "suite",
            "agent",
            "cron",
            "max_minutes",
            "max_cost",
            "is_enabled",
            "next_at",
            "problem",
            "created_at",
        )
        read_only_fields = ("next_at", "problem", "created_at")


class TargetField(serializers.CharField):
    """The address may hold a secret, as that of a Slack webhook does: it is never told again."""

    def to_representation(self, value: Any) -> str:
        return MASK if value else ""


class AlertRuleSerializer(ByForm[AlertRule]):
    """When somebody is told about runs, and where."""

    form_class = AlertRuleForm
    id = serializers.UUIDField(source="public_id", read_only=True)
    # That it is taken is told by the form.
    name = serializers.CharField(max_length=120)
    suite = named(Suite, required=False, allow_null=True, help_text="By its name. Null: every suite.")
    agent = named(Agent, required=False, allow_null=True, help_text="By its name. Null: every agent.")
    target = TargetField(
        max_length=500,
        help_text=f"A URL, or e-mail addresses with commas between. Shown as {MASK}; sent back so, it stays.",
    )

    class Meta:
        model = AlertRule
        fields = ("id", *AlertRuleForm.Meta.fields, "created_at")
        read_only_fields = ("created_at",)

    def validate_target(self, target: str) -> str:
        return self.instance.target if target == MASK and self.instance else target


class AlertSerializer(serializers.ModelSerializer[Alert]):
    """One message of a rule about one run."""

    rule = serializers.CharField(source="rule.name")
    run = serializers.UUIDField(source="run.public_id")

    class Meta:
        model = Alert
        fields = ("rule", "run", "text", "state", "attempts", "error", "created_at", "sent_at")
