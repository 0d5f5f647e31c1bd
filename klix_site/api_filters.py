"""The filters of the REST API's lists."""

from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django_filters import CharFilter, ChoiceFilter, Filter, FilterSet, UUIDFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from calls.models import Call
from calls.states import Ending, Status
from evaluations.models import Evaluation, Label, Verdict
from evaluations.outcomes import Outcome


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


def named(relation: str) -> Any:
    """A filter method: by the object's id, or by its name."""

    def filtered(found: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        try:
            return found.filter(**{f"{relation}__public_id": UUID(value)})
        except ValueError:
            return found.filter(**{f"{relation}__name": value})

    return filtered


class CallFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    status = WordFilter(choices=choices_of(Status))
    ending = WordFilter(choices=choices_of(Ending))
    direction = WordFilter(choices=Call.Direction.choices)
    outcome = WordFilter(choices=choices_of(Outcome), method="of_outcome", label="Of the newest evaluation.")
    agent = CharFilter(method=named("agent"), label="The agent's id or name.")
    persona = CharFilter(method=named("persona"), label="The persona's id or name.")
    scenario = CharFilter(method=named("scenario"), label="The scenario's id or name.")
    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")
    updated_since = MomentFilter(method="changed", label="Changed or evaluated since then.")

    class Meta:
        model = Call
        fields: tuple[str, ...] = ()

    def of_outcome(self, calls: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        newer = Evaluation.objects.filter(call=OuterRef("call"), number__gt=OuterRef("number"))
        newest = Evaluation.objects.filter(~Exists(newer), call=OuterRef("pk"), outcome=value)
        return calls.filter(Exists(newest))

    def changed(self, calls: QuerySet[Call], name: str, value: Any) -> QuerySet[Call]:
        # A union, not an "or": each half has an index of its own.
        changed = Call.objects.filter(updated_at__gte=value).order_by().values("pk")
        evaluated = Evaluation.objects.filter(finished_at__gte=value).order_by().values("call_id")
        return calls.filter(pk__in=changed.union(evaluated))


class VerdictFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    outcome = WordFilter(choices=choices_of(Outcome))
    kind = CharFilter("kind")
    criterion = CharFilter(method=named("criterion"), label="The criterion's id or name.")
    agent = CharFilter(method=named("evaluation__call__agent"), label="The agent's id or name.")
    call = UUIDFilter("evaluation__call__public_id")

    class Meta:
        model = Verdict
        fields: tuple[str, ...] = ()


class LabelFilters(FilterSet):  # type: ignore[misc]  # django-filter ships no types
    outcome = WordFilter(choices=choices_of(Outcome))
    criterion = CharFilter(method=named("verdict__criterion"), label="The criterion's id or name.")
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
