"""Pages about criteria: the rules for a good call."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations.criteria.registry import all_types
from evaluations.forms import CriterionForm
from evaluations.models import Criterion, Verdict

LAST = 20


@require_GET
def criterion_list(request: HttpRequest) -> HttpResponse:
    criteria = Criterion.objects.filter(archived_at=None)
    wanted = request.GET.get("q", "").strip()[:100]
    if wanted:
        criteria = criteria.filter(name__icontains=wanted)
    labels = {kind.name: kind.label for kind in all_types()}
    rows = [(criterion, labels.get(criterion.kind, criterion.kind)) for criterion in criteria]
    needs_judge = not settings.JUDGE_MODEL and any(criterion.kind == "judge" for criterion, _ in rows)
    return render(request, "evaluations/criteria.html", {"rows": rows, "needs_judge": needs_judge})


@require_GET
def criterion_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(Criterion.objects.prefetch_related("agents", "scenarios"), public_id=public_id)
    verdicts = Verdict.objects.filter(criterion=criterion).select_related("evaluation__call__agent")
    return render(
        request,
        "evaluations/criterion.html",
        {
            "criterion": criterion,
            "label": next((kind.label for kind in all_types() if kind.name == criterion.kind), criterion.kind),
            "verdicts": verdicts.order_by("-pk")[:LAST],
        },
    )


@require_http_methods(["GET", "POST"])
def criterion_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, Criterion(), "New criterion")


@require_http_methods(["GET", "POST"])
def criterion_edit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(Criterion, public_id=public_id)
    return _edit(request, criterion, f"Edit {criterion.name}")


@require_POST
def criterion_archive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(Criterion, public_id=public_id)
    criterion.archived_at = timezone.now()
    criterion.save(update_fields=["archived_at", "updated_at"])
    messages.success(request, f"{criterion.name} is archived. Its verdicts are kept.")
    return redirect("evaluations:criteria")


def _edit(request: HttpRequest, criterion: Criterion, title: str) -> HttpResponse:
    """?kind= chooses which settings the form shows."""
    kind = {"kind": request.GET["kind"]} if "kind" in request.GET else {}
    form = CriterionForm(request.POST or None, instance=criterion, initial=kind)
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved.name} is saved.")
        return redirect(saved)
    context = {
        "form": form,
        "title": title,
        "kinds": all_types(),
        "list_url": reverse("evaluations:criteria"),
        "list_title": "Criteria",
    }
    return render(request, "evaluations/edit.html", context, status=422 if form.is_bound else 200)
