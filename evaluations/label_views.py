"""What people say of judges' verdicts: beside a verdict on the page of its call, and on a criterion's label sheet."""

import uuid
from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from calls.views import HtmxRequest
from evaluations.call_views import page_context
from evaluations.label_sheet import MAX_BYTES, SheetRefused, as_csv, read_csv, sheet
from evaluations.labelling import label_verdict, remove_label
from evaluations.models import Criterion, Verdict
from evaluations.outcomes import Outcome
from evaluations.report.labels import choices

PAGE_SIZE = 20
TABS = {"open": "To label", "labelled": "Labelled"}


def _label(request: HttpRequest, verdict: Verdict) -> None:
    """`outcome` as the person wants it, blank to take it back. Raises ValueError for what is no outcome."""
    assert isinstance(request.user, User)
    if outcome := request.POST.get("outcome", ""):
        label_verdict(verdict, request.user, outcome, request.POST.get("note", ""))
    else:
        remove_label(verdict, request.user)


@require_POST
def label_on_call(request: HttpRequest, public_id: uuid.UUID, verdict_id: uuid.UUID) -> HttpResponse:
    verdict = get_object_or_404(
        Verdict.objects.select_related("evaluation__call"), public_id=verdict_id, evaluation__call__public_id=public_id
    )
    try:
        _label(request, verdict)
    except ValueError:
        return HttpResponseBadRequest(_wrong())
    if cast(HtmxRequest, request).htmx:
        return render(request, "evaluations/_call_parts.html", {**page_context(public_id), "oob": True})
    return redirect(verdict.evaluation.call)


def _wrong() -> str:
    return f"An outcome is one of: {', '.join(Outcome)}."


# --- The sheet --------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def label_sheet(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion, show = get_object_or_404(Criterion, public_id=public_id), _show(request)
    page = Paginator(sheet(criterion, show), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "criterion": criterion,
        "show": show,
        "tabs": _tabs(criterion),
        "page": page,
        "rows": [(verdict, choices(verdict)) for verdict in page.object_list],
    }
    return render(request, "evaluations/labels.html", context)


def _tabs(criterion: Criterion) -> list[tuple[str, str, int]]:
    """Name, word and number of verdicts of each."""
    return [(name, word, sheet(criterion, name).count()) for name, word in TABS.items()]


def _show(request: HttpRequest) -> str:
    show = request.GET.get("show", "open")
    if show not in TABS:
        raise Http404("There is no such tab.")
    return show


@require_POST
def label_on_sheet(request: HttpRequest, public_id: uuid.UUID, verdict_id: uuid.UUID) -> HttpResponse:
    """htmx: the row as it is now, in its place, so that a slip can be taken back at once; and how many each tab has."""
    verdict = get_object_or_404(
        Verdict.objects.select_related("evaluation__call__agent", "criterion"),
        public_id=verdict_id,
        criterion__public_id=public_id,
    )
    try:
        _label(request, verdict)
    except ValueError:
        return HttpResponseBadRequest(_wrong())
    if not cast(HtmxRequest, request).htmx:
        return redirect("evaluations:labels", public_id)
    verdict.refresh_from_db(fields=["said"])
    criterion = verdict.criterion
    context = {"verdict": verdict, "answers": choices(verdict), "criterion": criterion, "tabs": _tabs(criterion)}
    return render(request, "evaluations/_labelled.html", context)


@require_GET
def labels_csv(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(Criterion, public_id=public_id)
    headers = {"Content-Disposition": f'attachment; filename="labels-{criterion.public_id}.csv"'}
    return HttpResponse(as_csv(criterion, _show(request)), content_type="text/csv; charset=utf-8", headers=headers)


@require_POST
def labels_upload(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    criterion = get_object_or_404(Criterion, public_id=public_id)
    assert isinstance(request.user, User)
    file = request.FILES.get("file")
    if file is None or file.size is None or file.size > MAX_BYTES:
        messages.error(request, f"Choose a CSV file of at most {MAX_BYTES // 1_000_000} MB.")
        return redirect("evaluations:labels", public_id)
    try:
        count = read_csv(criterion, request.user, file.read())
    except SheetRefused as refused:
        for problem in refused.problems:
            messages.error(request, problem)
    else:
        messages.success(request, f"{count} label{'' if count == 1 else 's'} saved.")
    return redirect("evaluations:labels", public_id)
