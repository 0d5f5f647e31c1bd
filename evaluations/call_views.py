"""The page of one call: the call and what was found about it."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from calls import selectors as call_selectors
from calls.models import Call
from calls.views import HtmxRequest
from evaluations.report.page import call_report
from evaluations.rescoring import score_again


@require_GET
@never_cache
@gzip_page
def detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    return render(request, "evaluations/call.html", _page(public_id))


@require_GET
@never_cache
@gzip_page
def parts(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Every part of the page as it stands, each replacing its older self: what an open page fetches on news."""
    return render(request, "evaluations/_call_parts.html", {**_page(public_id), "oob": True})


@require_POST
def rescore(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    call = get_object_or_404(Call, public_id=public_id)
    evaluation = score_again(call)
    if evaluation and cast(HtmxRequest, request).htmx:
        return HttpResponse(status=204)
    if evaluation:
        messages.success(request, "The call is being scored again.")
    else:
        messages.warning(request, "Nothing was said on this call: there is nothing to score.")
    if cast(HtmxRequest, request).htmx:
        return HttpResponseClientRefresh()
    return redirect(call)


def _page(public_id: uuid.UUID) -> dict[str, Any]:
    try:
        call = call_selectors.call_for_page(public_id)
    except Call.DoesNotExist:
        raise Http404("There is no such call.") from None
    older, newer = call_selectors.neighbours(call)
    return {"report": call_report(call), "older": older, "newer": newer, "has_player": True}
