"""The page of one call: the call and what was found about it."""

import uuid
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from agents.forms import ScenarioForm
from calls import selectors as call_selectors
from calls.models import Call, Turn
from calls.rows import title_of
from calls.views import HtmxRequest
from evaluations.call_comparison import comparison, earlier_calls
from evaluations.call_places import place_of
from evaluations.report.page import call_report
from evaluations.rescoring import score_again
from evaluations.scenario_drafts import scenario_from_turn


@require_GET
@never_cache
@gzip_page
def detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    context = page_context(public_id)
    place = place_of(context["report"].call, request.GET)
    return render(request, "evaluations/call.html", {**context, "place": place, "query": request.GET.urlencode()})


@require_GET
@never_cache
@gzip_page
def parts(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Every part of the page as it stands, each replacing its older self: what an open page fetches on news."""
    return render(request, "evaluations/_call_parts.html", {**page_context(public_id), "oob": True})


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


@require_GET
@never_cache
def compare(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Beside the call that ?with= names, else the last one of its scenario with this agent."""
    call = get_object_or_404(Call.objects.select_related("agent", "persona", "scenario"), public_id=public_id)
    earlier = earlier_calls(call) if call.scenario_id else []
    wanted = request.GET.get("with", "")
    old = next((each for each in earlier if str(each.public_id) == wanted), earlier[0] if earlier else None)
    named = {"agent": call.agent, "persona": call.persona, "scenario": call.scenario}
    asked = urlencode({name: thing.public_id for name, thing in named.items() if thing})
    context = {
        "call": {"title": title_of(call), "url": call.get_absolute_url(), "at": call.created_at},
        "earlier": earlier,
        "told": comparison(old, call) if old else None,
        "again_url": f"{reverse('calls:place')}?{asked}",
    }
    return render(request, "evaluations/call_compare.html", context)


@require_http_methods(["GET", "POST"])
def save_as_scenario(request: HttpRequest, public_id: uuid.UUID, turn: int) -> HttpResponse:
    """A draft that leads to this turn again, in the form of a scenario: a person reads it before it is saved."""
    found = get_object_or_404(
        Turn.objects.select_related("call__agent", "call__persona"), call__public_id=public_id, index=turn
    )
    form = ScenarioForm(request.POST or None, instance=scenario_from_turn(found))
    if request.method == "POST" and form.is_valid():
        scenario = form.save()
        messages.success(request, f"{scenario.name} is saved.")
        return redirect("agents:scenario", scenario.public_id)
    context = {
        "form": form,
        "title": "Save as a scenario",
        "list_url": found.call.get_absolute_url(),
        "list_title": "Call",
    }
    return render(request, "parts/edit.html", context, status=422 if form.is_bound else 200)


def page_context(public_id: uuid.UUID) -> dict[str, Any]:
    try:
        call = call_selectors.call_for_page(public_id)
    except Call.DoesNotExist:
        raise Http404("There is no such call.") from None
    return {"report": call_report(call), "has_player": True}
