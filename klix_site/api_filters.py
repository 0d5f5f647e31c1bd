"""The filters of the REST API's lists."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django_filters import BooleanFilter, CharFilter, ChoiceFilter, Filter, FilterSet, UUIDFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from agents.models import Agent, Persona, Scenario
from calls.models import Call
from calls.states import Ending, Status
from evaluations.models import Criterion, Evaluation, Label, Verdict
from evaluations.outcomes import Outcome
from evaluations.run_models import Alert, AlertRule, Baseline, Run, RunCase, Schedule, Suite


def choices_of(kind: Any) -> list[tuple[str, str]]:
    return [(each.value, each.value) for each in kind]


class Word(forms.ChoiceField):
    """One of some words; a refusal names them all."""

    def validate(self, value: Any) -> None:
        known = [word for word, _ in self.choices if word]  # type: ignore[union-attr,misc]  # a list of pairs
        if value and value not in known:
            raise ValidationError(f"Choose one of: {', '.join(map(str, known))}.")


class WordFilter(ChoiceFilter):  # type: ignore[misc]  # django-filter ships no types
    field_class = Word


class MomentField(forms.CharField):
    """A time with its zone. "+" in a URL is a space unless it is written %2B: the most common slip."""

    def to_python(self, value: Any) -> Any:
        if not value:
            return None
        try:
            moment = parse_datetime(value)
        except ValueError:
            moment = None
        if moment is None or is_naive(moment):
            # django-filter formats messages: the sign is doubled.
            raise ValidationError(
                "Write a time with its zone, for example 2026-11-22T09:30:00Z (a + must be written %%2B)."
            )
        return moment


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentFilter(Filter):  # type: ignore[misc]  # django-filter ships no types
    field_class = MomentField


def named(relation: str, model: type[Model]) -> Any:
    """A filter method: by the object's id, or by its name. The object is looked up first: with its key the database
    knows how many rows to expect."""

    def filtered(found: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return found.filter(**{f"{relation}__in": list(keys_of(model, value))})

    return filtered


def keys_of(model: type[Model], value: str) -> QuerySet[Any, Any]:
    """Of the object with this id or name."""
    try:
        found = model._default_manager.filter(public_id=UUID(value))
    except ValueError:
        found = model._default_manager.filter(name=value)
    return found.order_by().values_list("pk", flat=True)


class CallFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    status = WordFilter(choices=choices_of(Status))
    ending = WordFilter(choices=choices_of(Ending))
    direction = WordFilter(choices=Call.Direction.choices)
    outcome = WordFilter(choices=choices_of(Outcome), label="Of the newest evaluation.")
    agent = CharFilter(method=named("agent", Agent), label="The agent's id or name.")
    persona = CharFilter(method=named("persona", Persona), label="The persona's id or name.")
    scenario = CharFilter(method=named("scenario", Scenario), label="The scenario's id or name.")
    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")
    updated_since = MomentFilter(method="changed", label="Changed or evaluated since then.")

    class Meta:
        model = Call
        fields: tuple[str, ...] = ()

    def changed(self, calls: QuerySet[Call], name: str, value: Any) -> QuerySet[Call]:
        # A union, not an "or": each half has an index of its own.
        changed = Call.objects.filter(updated_at__gte=value).order_by().values("pk")
        evaluated = Evaluation.objects.filter(finished_at__gte=value).order_by().values("call_id")
        return calls.filter(pk__in=changed.union(evaluated))


class VerdictFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    outcome = WordFilter(choices=choices_of(Outcome))
    kind = CharFilter("kind")
    criterion = CharFilter(method=named("criterion", Criterion), label="The criterion's id or name.")
    agent = CharFilter(method=named("evaluation__call__agent", Agent), label="The agent's id or name.")
    call = UUIDFilter("evaluation__call__public_id")

    class Meta:
        model = Verdict
        fields: tuple[str, ...] = ()


class LabelFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    outcome = WordFilter(choices=choices_of(Outcome))
    criterion = CharFilter(method=named("verdict__criterion", Criterion), label="The criterion's id or name.")
    verdict = UUIDFilter("verdict__public_id")
    call = UUIDFilter("verdict__evaluation__call__public_id")

    class Meta:
        model = Label
        fields: tuple[str, ...] = ()


class EvaluationFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    state = WordFilter(choices=Evaluation.State.choices)
    outcome = WordFilter(choices=choices_of(Outcome))
    call = UUIDFilter("call__public_id")
    finished_since = MomentFilter("finished_at", "gte")

    class Meta:
        model = Evaluation
        fields: tuple[str, ...] = ()


class DesignFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    """Of agents, personas, scenarios, criteria and suites."""

    name = CharFilter("name", label="The whole name.")
    q = CharFilter("name", "icontains", label="A part of the name.")
    archived = BooleanFilter(method="only_archived", label="true: those that were archived. Default: the others.")
    updated_since = MomentFilter("updated_at", "gte")

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter_queryset(queryset)
        return found if self.form.cleaned_data["archived"] else found.filter(archived_at=None)

    def only_archived(self, found: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return found.exclude(archived_at=None) if value else found


class RunFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    suite = CharFilter(method=named("suite", Suite), label="The suite's id or name.")
    agent = CharFilter(method=named("agent_version__agent", Agent), label="The agent's id or name.")
    state = WordFilter(choices=Run.State.choices)
    label = CharFilter("label")
    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")

    class Meta:
        model = Run
        fields: tuple[str, ...] = ()


class CaseFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    outcome = WordFilter(choices=choices_of(Outcome))
    state = WordFilter(choices=RunCase.State.choices)

    class Meta:
        model = RunCase
        fields: tuple[str, ...] = ()


class BaselineFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    suite = CharFilter(method=named("suite", Suite), label="The suite's id or name.")
    name = CharFilter("name")

    class Meta:
        model = Baseline
        fields: tuple[str, ...] = ()


class ScheduleFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    suite = CharFilter(method=named("suite", Suite), label="The suite's id or name.")
    agent = CharFilter(method=named("agent", Agent), label="The agent's id or name.")
    is_enabled = BooleanFilter("is_enabled")

    class Meta:
        model = Schedule
        fields: tuple[str, ...] = ()


class AlertRuleFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    name = CharFilter("name", label="The whole name.")
    suite = CharFilter(method=named("suite", Suite), label="The suite's id or name.")
    agent = CharFilter(method=named("agent", Agent), label="The agent's id or name.")
    is_enabled = BooleanFilter("is_enabled")

    class Meta:
        model = AlertRule
        fields: tuple[str, ...] = ()


class AlertFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    rule = CharFilter(method=named("rule", AlertRule), label="The rule's id or name.")
    run = UUIDFilter("run__public_id")
    state = WordFilter(choices=Alert.State.choices)

    class Meta:
        model = Alert
        fields: tuple[str, ...] = ()
