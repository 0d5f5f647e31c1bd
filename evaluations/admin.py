"""The admin: criteria can be edited, what was evaluated is history and can only be read."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.html import format_html

from calls.models import Call
from evaluations import call_admin, run_admin  # noqa: F401  (they register their own)
from evaluations.criteria.registry import get_type
from evaluations.forms import PREFIX, CriterionForm
from evaluations.history import History
from evaluations.models import Criterion, Evaluation, Measurement, Verdict

if TYPE_CHECKING:  # the classes take no parameters at run time
    MeasurementTable = admin.TabularInline[Measurement, Evaluation]
    VerdictTable = admin.TabularInline[Verdict, Evaluation]
    CriterionBase = admin.ModelAdmin[Criterion]
    EvaluationBase = admin.ModelAdmin[Evaluation]
    VerdictBase = admin.ModelAdmin[Verdict]
    MeasurementBase = admin.ModelAdmin[Measurement]
else:
    MeasurementTable = VerdictTable = admin.TabularInline
    CriterionBase = EvaluationBase = VerdictBase = MeasurementBase = admin.ModelAdmin


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
        typed = [PREFIX + setting.name for setting in kind.settings] if kind else []
        fields = (
            None,
            {
                "fields": [
                    "name",
                    "description",
                    "kind",
                    "is_critical",
                    "weight",
                    "condition",
                    "condition_outcome",
                    "agents",
                    "scenarios",
                ]
            },
        )
        return [fields, ("Config", {"fields": [*typed, "config"]})]


@admin.register(Evaluation)
class EvaluationAdmin(History, EvaluationBase):
    list_display = ("__str__", "call_page", "state", "outcome", "attempts", "created_at", "finished_at")
    list_filter = ("state", "outcome", "call__agent", "created_at")
    search_fields = ("public_id", "call__public_id", "call__agent__name", "error")
    date_hierarchy = "created_at"
    list_select_related = ("call__agent",)
    inlines = (VerdictInline, MeasurementInline)

    @admin.display(description="call")
    def call_page(self, evaluation: Evaluation) -> str:
        return page_link(evaluation.call)


@admin.register(Verdict)
class VerdictAdmin(History, VerdictBase):
    list_display = ("criterion_name", "outcome", "is_critical", "decided_by", "call_page", "reason")
    list_filter = ("outcome", "kind", "is_critical", "criterion", "evaluation__call__agent")
    search_fields = ("public_id", "criterion_name", "evaluation__call__public_id")
    list_select_related = ("evaluation__call__agent",)

    @admin.display(description="call")
    def call_page(self, verdict: Verdict) -> str:
        return page_link(verdict.evaluation.call)


@admin.register(Measurement)
class MeasurementAdmin(History, MeasurementBase):
    list_display = ("metric", "value", "unit", "n", "note", "call_page")
    list_filter = ("metric", "evaluation__call__agent")
    search_fields = ("metric", "evaluation__call__public_id")
    list_select_related = ("evaluation__call__agent",)

    @admin.display(description="call")
    def call_page(self, measurement: Measurement) -> str:
        return page_link(measurement.evaluation.call)
