"""Pages about criteria: the rules for a good call."""

import uuid

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from calls.models import Call
from evaluations.agreement import ENOUGH_LABELS
from evaluations.criteria.registry import all_types, get_type
from evaluations.forms import CriterionForm
from evaluations.labelling import measured_judges
from evaluations.models import Criterion, Verdict
from evaluations.rescoring import score_calls_again
from evaluations.trying import MOST_AT_ONCE, past_calls, try_criterion

LAST = 20
# Calls that are scored again at one press of a button: each may cost money.
MOST_AGAIN = 50


@require_GET
def criterion_list(request: HttpRequest) -> HttpResponse:
    criteria = Criterion.objects.filter(archived_at=None)
    wanted = request.GET.get("q", "").strip()[:100]
    if wanted:
        criteria = criteria.filter(name__icontains=wanted)
    labels = {kind.name: kind.label for kind in all_types()}
    newest = {judge.criterion.pk: judge for judge in reversed(measured_judges())}
    rows = [(criterion, labels.get(criterion.kind, criterion.kind), newest.get(criterion.pk)) for criterion in criteria]
    needs_judge = not settings.JUDGE_MODEL and any(criterion.is_judged for criterion, *_ in rows)
    context = {"rows": rows, "needs_judge": needs_judge, "enough": ENOUGH_LABELS}
    return render(request, "evaluations/criteria.html", context)


@require_GET
def criterion_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(
        Criterion.objects.select_related("condition").prefetch_related("agents", "scenarios"), public_id=public_id
    )
    verdicts = Verdict.objects.filter(criterion=criterion).select_related("evaluation__call__agent")
    return render(
        request,
        "evaluations/criterion.html",
        {
            "criterion": criterion,
            **_rule(criterion),
            "verdicts": verdicts.order_by("-pk")[:LAST],
            "judges": measured_judges(criterion) if criterion.is_judged else [],
            "enough": ENOUGH_LABELS,
            "most_again": MOST_AGAIN,
        },
    )


def _rule(criterion: Criterion) -> dict[str, object]:
    """What it asks for, in words; of a kind that this version does not know, what is stored."""
    kind = get_type(criterion.kind)
    if kind is None or kind.problems(criterion.config):
        return {"label": kind.label if kind else criterion.kind, "rule": "", "settings": criterion.config.items()}
    return {"label": kind.label, "rule": kind.describe(criterion.config), "settings": kind.told(criterion.config)}


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


@require_POST
def criterion_rescore(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Past calls are scored again, without calling: those that people labelled, or the last ones."""
    criterion = get_object_or_404(Criterion, public_id=public_id)
    if request.POST.get("calls") == "labelled":
        labelled = Call.objects.filter(
            evaluations__verdicts__in=Verdict.objects.filter(criterion=criterion, said__gt="")
        )
        calls = list(labelled.distinct().order_by("-pk")[: 10 * MOST_AGAIN])
    else:
        calls = past_calls(criterion, most=MOST_AGAIN)
    count = score_calls_again(calls)
    messages.success(request, f"{count} call{' is' if count == 1 else 's are'} being scored again.")
    return redirect(criterion)


def _edit(request: HttpRequest, criterion: Criterion, title: str) -> HttpResponse:
    """?kind= chooses which settings the form shows. The button "try" shows verdicts on past calls and saves nothing."""
    kind = {"kind": request.GET["kind"]} if "kind" in request.GET else {}
    form = CriterionForm(request.POST or None, instance=criterion, initial=kind)
    wants_try, tried = "try" in request.POST, []
    past = past_calls(criterion)
    chosen = _chosen(request, past)
    if request.method == "POST" and form.is_valid():
        if not wants_try:
            saved = form.save()
            messages.success(request, f"{saved.name} is saved.")
            return redirect(saved)
        tried = try_criterion(form.draft(), chosen)
    context = {
        "form": form,
        "title": title,
        "kinds": all_types(),
        "list_url": reverse("evaluations:criteria"),
        "list_title": "Criteria",
        "past": [(call, call in chosen) for call in past],
        "most": MOST_AT_ONCE,
        "tried": tried,
    }
    return render(request, "evaluations/edit.html", context, status=422 if form.errors else 200)


def _chosen(request: HttpRequest, past: list[Call]) -> list[Call]:
    """The calls that are ticked, or the newest few."""
    ticked = [call for call in past if str(call.public_id) in request.POST.getlist("call")]
    return (ticked or past[:2])[:MOST_AT_ONCE]
