"""Pages about personas and scenarios that tell how their calls came out, and so live a storey above the forms."""

import uuid
from typing import TypeVar

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from agents.models import Persona, Scenario
from agents.selectors import active_personas, active_scenarios
from evaluations.models import Criterion
from evaluations.results import last_results, runs_with

Thing = TypeVar("Thing", bound=models.Model)
PAGE_SIZE = 50


@require_GET
def persona_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(_searched(request, active_personas()), PAGE_SIZE).get_page(request.GET.get("page"))
    found = last_results(list(page.object_list), "persona")
    rows = [(persona, found[persona.pk]) for persona in page.object_list]
    return render(request, "agents/personas.html", {"page": page, "rows": rows})


@require_GET
def persona_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    persona = get_object_or_404(Persona, public_id=public_id)
    scenarios = list(active_scenarios().filter(persona=persona))
    found = last_results(scenarios, "scenario")
    context = {
        "persona": persona,
        "results": last_results([persona], "persona")[persona.pk],
        "scenarios": [(scenario, found[scenario.pk]) for scenario in scenarios],
        "runs_n": runs_with(persona=persona),
    }
    return render(request, "agents/persona.html", context)


@require_GET
def scenario_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(_searched(request, active_scenarios()), PAGE_SIZE).get_page(request.GET.get("page"))
    found = last_results(list(page.object_list), "scenario")
    rows = [(scenario, found[scenario.pk]) for scenario in page.object_list]
    return render(request, "agents/scenarios.html", {"page": page, "rows": rows})


@require_GET
def scenario_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    scenario = get_object_or_404(Scenario.objects.select_related("persona"), public_id=public_id)
    criteria = Criterion.objects.filter(archived_at=None).prefetch_related("scenarios")
    context = {
        "scenario": scenario,
        "results": last_results([scenario], "scenario")[scenario.pk],
        "runs_n": runs_with(scenario=scenario),
        "everywhere": [each for each in criteria if not each.scenarios.all()],
        "choosable": [(each, scenario in each.scenarios.all()) for each in criteria if each.scenarios.all()],
        "preset": scenario.line.get("preset", ""),
    }
    return render(request, "agents/scenario.html", context)


@require_POST
def scenario_criteria(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Which of the criteria that are for chosen scenarios apply to this one. One that is for every scenario stays so,
    and the last scenario of one stays chosen: without any it would apply to all."""
    scenario = get_object_or_404(Scenario, public_id=public_id)
    wanted = set(request.POST.getlist("criterion"))
    kept = []
    for criterion in Criterion.objects.filter(archived_at=None).prefetch_related("scenarios"):
        chosen = list(criterion.scenarios.all())
        if not chosen:
            continue
        if str(criterion.public_id) in wanted:
            criterion.scenarios.add(scenario)
        elif chosen == [scenario]:
            kept.append(criterion.name)
        else:
            criterion.scenarios.remove(scenario)
    messages.success(request, f"The criteria of {scenario.name} are saved.")
    if kept:
        messages.warning(request, f"Only for this scenario, archive instead: {', '.join(kept)}.")
    return redirect("agents:scenario", public_id)


def _searched(request: HttpRequest, things: models.QuerySet[Thing]) -> models.QuerySet[Thing]:
    """Those whose name holds what ?q= asks for."""
    wanted = request.GET.get("q", "").strip().replace("\x00", "")[:100]
    return things.filter(name__icontains=wanted) if wanted else things
