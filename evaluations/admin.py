"""The admin: criteria can be edited, what was evaluated is history and can only be read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import format_html

from calls.models import Call
from evaluations import call_admin, run_admin  # noqa: F401  (they register their own)
from evaluations.causes import Cause
from evaluations.criteria.registry import all_types, get_type
from evaluations.forms import CriterionForm, fields_of
from evaluations.history import History
from evaluations.long_lists import LongList, words
from evaluations.metrics.registry import all_metrics
from evaluations.models import Criterion, Evaluation, Label, Measurement, Verdict

if TYPE_CHECKING:  # the classes take no parameters at run time
    MeasurementTable = admin.TabularInline[Measurement, Evaluation]
    VerdictTable = admin.TabularInline[Verdict, Evaluation]
    CriterionBase = admin.ModelAdmin[Criterion]
else:
    MeasurementTable = VerdictTable = admin.TabularInline
    CriterionBase = admin.ModelAdmin


def page_link(call: Call) -> str:
    """A link to the call's page, or its name where the pages are not installed."""
    try:
        return format_html('<a href="{}">{}</a>', call.get_absolute_url(), call)
    except NoReverseMatch:
        return str(call)


class MeasurementInline(History, MeasurementTable):
    model = Measurement
    fields = ("metric", "value", "unit", "n", "note", "parts", "metric_version")
    extra = 0


class VerdictInline(History, VerdictTable):
    model = Verdict
    fields = ("criterion_name", "outcome", "reason", "decided_by", "is_critical")
    extra = 0
    show_change_link = True


@admin.register(Criterion)
class CriterionAdmin(CriterionBase):
    form = CriterionForm
    list_display = ("name", "kind", "rule", "is_critical", "is_archived", "updated_at")
    list_filter = ("kind", "is_critical", ("archived_at", admin.EmptyFieldListFilter), "agents")
    search_fields = ("name", "description")
    filter_horizontal = ("agents", "scenarios")
    actions = ("archive", "restore")

    @admin.display(description="rule")
    def rule(self, criterion: Criterion) -> str:
        kind = get_type(criterion.kind)
        return kind.describe(criterion.config) if kind and not kind.problems(criterion.config) else "invalid: edit it"

    @admin.display(boolean=True, description="archived")
    def is_archived(self, criterion: Criterion) -> bool:
        return criterion.archived_at is not None

    @admin.action(description="Archive the selected criteria")
    def archive(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.filter(archived_at=None).update(archived_at=timezone.now())
        self.message_user(request, f"Archived: {count}.")

    @admin.action(description="Restore the selected criteria")
    def restore(self, request: HttpRequest, queryset: Any) -> None:
        count = queryset.exclude(archived_at=None).update(archived_at=None)
        self.message_user(request, f"Restored: {count}.")

    def get_form(self, request: HttpRequest, obj: Criterion | None = None, change: bool = False, **kwargs: Any) -> Any:
        # The config fields depend on the kind and are made by the form itself: the factory must not look for them.
        kwargs["fields"] = [*CriterionForm.Meta.fields, "config"]
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Criterion | None = None) -> Any:
        kind = get_type(request.POST.get("kind", "") or request.GET.get("kind", "") or (obj.kind if obj else ""))
        typed = [*fields_of(kind)] if kind else []
        return [(None, {"fields": [*CriterionForm.Meta.fields]}), ("Config", {"fields": [*typed, "config"]})]


@admin.register(Evaluation)
class EvaluationAdmin(LongList):
    list_display = ("__str__", "call_page", "state", "outcome", "cause", "attempts", "created_at", "finished_at")
    list_filter = ("state", "outcome", words("cause", "cause", lambda: list(Cause)), "call__agent")
    search_help_text = "The id of an evaluation or of its call, or a part of the agent's name."
    call, agent = "call", "call__agent"
    list_select_related = ("call__agent",)
    ordering = ("-created_at", "-id")
    inlines = (VerdictInline, MeasurementInline)

    @admin.display(description="call")
    def call_page(self, evaluation: Evaluation) -> str:
        return page_link(evaluation.call)


@admin.register(Verdict)
class VerdictAdmin(LongList):
    list_display = ("criterion_name", "outcome", "is_critical", "decided_by", "call_page", "reason")
    list_filter = (
        "outcome",
        words("kind", "kind", lambda: [kind.name for kind in all_types()]),
        "criterion",
        "evaluation__call__agent",
    )
    search_help_text = "The id of a verdict or of its call, or the whole name of its criterion."
    call, exact = "evaluation__call", ("criterion__name",)
    list_select_related = ("evaluation__call__agent",)

    @admin.display(description="call")
    def call_page(self, verdict: Verdict) -> str:
        return page_link(verdict.evaluation.call)


@admin.register(Label)
class LabelAdmin(LongList):
    list_display = ("verdict", "outcome", "agrees", "person", "note", "updated_at", "call_page")
    list_filter = ("outcome", "verdict__criterion", "person")
    search_help_text = "The id of a label or of its call."
    call = "verdict__evaluation__call"
    ordering = ("-updated_at", "-id")
    list_select_related = ("verdict__evaluation__call__agent", "person")

    @admin.display(boolean=True)
    def agrees(self, label: Label) -> bool:
        return label.agrees

    @admin.display(description="call")
    def call_page(self, label: Label) -> str:
        return page_link(label.verdict.evaluation.call)


@admin.register(Measurement)
class MeasurementAdmin(LongList):
    list_display = ("metric", "value", "unit", "n", "note", "call_page")
    list_filter = (words("metric", "figure", lambda: [metric.name for metric in all_metrics()]),)
    search_help_text = "The id of a call."
    call = "evaluation__call"
    list_select_related = ("evaluation__call__agent",)

    @admin.display(description="call")
    def call_page(self, measurement: Measurement) -> str:
        return page_link(measurement.evaluation.call)
