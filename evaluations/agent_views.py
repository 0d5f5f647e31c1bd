"""The list of agents: it tells how each did lately, and so lives a storey above the other pages about agents."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.serializers import agents_with_versions
from evaluations.standing import standing


@require_GET
def agent_list(request: HttpRequest) -> HttpResponse:
    agents = agents_with_versions().filter(archived_at=None)
    wanted = request.GET.get("q", "").strip().replace("\x00", "")[:100]
    if wanted:
        agents = agents.filter(name__icontains=wanted)
    known = standing().agents
    rows = [(agent, known.get(agent.pk)) for agent in agents]
    return render(request, "agents/agents.html", {"rows": rows})
