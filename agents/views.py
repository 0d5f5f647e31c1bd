"""Pages about agents, personas and scenarios."""

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import selectors, services
from agents.forms import ROLES, AgentForm, PersonaForm, ScenarioForm
from agents.models import Agent, Persona, Scenario
from agents.provider_help import all_helps, help_of


# --- Agents -----------------------------------------------------------------------------------------------------------
@require_GET
def agent_detail(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    agent = get_object_or_404(Agent, public_id=public_id)
    versions = list(selectors.agent_versions(agent))
    context = {"agent": agent, "versions": versions, "current": versions[0] if versions else None}
    return render(request, "agents/agent.html", context)


@require_http_methods(["GET", "POST"])
def agent_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, AgentForm(request.POST or None), "agents:list", "Agents", "New agent")


@require_http_methods(["GET", "POST"])
def agent_edit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    agent = get_object_or_404(Agent, public_id=public_id)
    title = f"Edit {agent.name}"
    return _edit(request, AgentForm(request.POST or None, instance=agent), "agents:list", "Agents", title)


@require_POST
def agent_duplicate(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    copy = services.duplicate_agent(get_object_or_404(Agent, public_id=public_id))
    messages.success(request, f"This is a copy: {copy.name}.")
    return redirect("agents:edit", copy.public_id)


@require_POST
def agent_archive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    agent = services.archive(get_object_or_404(Agent, public_id=public_id))
    messages.success(request, f"{agent.name} is archived. Its calls are kept.")
    return redirect("agents:list")


# --- Personas ---------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def persona_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, PersonaForm(request.POST or None), "agents:personas", "Personas", "New persona")


@require_http_methods(["GET", "POST"])
def persona_edit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    persona = get_object_or_404(Persona, public_id=public_id)
    form = PersonaForm(request.POST or None, instance=persona)
    return _edit(request, form, "agents:personas", "Personas", f"Edit {persona.name}")


@require_POST
def persona_duplicate(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    copy = services.duplicate_persona(get_object_or_404(Persona, public_id=public_id))
    messages.success(request, f"This is a copy: {copy.name}.")
    return redirect("agents:persona_edit", copy.public_id)


@require_POST
def persona_archive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    persona = services.archive(get_object_or_404(Persona, public_id=public_id))
    messages.success(request, f"{persona.name} is archived. Its calls are kept.")
    return redirect("agents:personas")


# --- Scenarios --------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def scenario_new(request: HttpRequest) -> HttpResponse:
    return _edit(request, ScenarioForm(request.POST or None), "agents:scenarios", "Scenarios", "New scenario")


@require_http_methods(["GET", "POST"])
def scenario_edit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    scenario = get_object_or_404(Scenario, public_id=public_id)
    form = ScenarioForm(request.POST or None, instance=scenario)
    return _edit(request, form, "agents:scenarios", "Scenarios", f"Edit {scenario.name}")


@require_POST
def scenario_duplicate(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    copy = services.duplicate_scenario(get_object_or_404(Scenario, public_id=public_id))
    messages.success(request, f"This is a copy: {copy.name}.")
    return redirect("agents:scenario_edit", copy.public_id)


@require_POST
def scenario_archive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    scenario = services.archive(get_object_or_404(Scenario, public_id=public_id))
    messages.success(request, f"{scenario.name} is archived. Its calls are kept.")
    return redirect("agents:scenarios")


# --- Providers --------------------------------------------------------------------------------------------------------
@require_GET
def provider_help(request: HttpRequest) -> HttpResponse:
    """What to know of the ears, voice or brain that is chosen in a form: ?brain=chat. Without that, of all: a page."""
    for role in ROLES:
        if role in request.GET:
            context = {"role": role, "help": help_of(role, request.GET[role])}
            return render(request, "agents/_provider_help.html", context)
    helps = {role: all_helps(role) for role in ROLES}
    return render(request, "agents/providers.html", {"helps": helps})


# --- What they share --------------------------------------------------------------------------------------------------
def _edit(
    request: HttpRequest, form: AgentForm | PersonaForm | ScenarioForm, list_name: str, list_title: str, title: str
) -> HttpResponse:
    if request.method == "POST" and form.is_valid():
        saved = form.save()
        messages.success(request, f"{saved.name} is saved.")
        return redirect(_page_of(saved))
    context = {"form": form, "title": title, "list_url": reverse(list_name), "list_title": list_title}
    template = "parts/edit.html" if isinstance(form, ScenarioForm) else "agents/edit.html"
    return render(request, template, context, status=422 if form.is_bound else 200)


def _page_of(thing: Agent | Persona | Scenario) -> str:
    names = {Agent: "agents:detail", Persona: "agents:persona", Scenario: "agents:scenario"}
    return reverse(names[type(thing)], args=[thing.public_id])
