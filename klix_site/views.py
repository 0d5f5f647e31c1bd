"""The overview, going to things by name, and the style guide."""

from typing import cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from agents import selectors as agent_selectors
from agents.models import Agent, Persona, Scenario
from calls.badges import call_badge
from calls.models import Call
from calls.selectors import CallFilter, chosen_calls
from calls.states import Status
from evaluations.models import Criterion
from evaluations.run_models import Run
from evaluations.run_pages import RunRow, run_rows
from evaluations.standing import standing
from klix_site import navigation

GOTO_EACH = 5
LAST_CALLS = 5


@require_GET
@never_cache
def overview(request: HttpRequest) -> HttpResponse:
    known = standing(rows=LAST_CALLS)
    if not known.rows:
        return render(request, "klix_site/overview.html", {"steps": _steps(), "first": _first_call()})
    agents = sorted(known.agents.values(), key=lambda each: each.agent.name)
    context = {"rows": known.rows, "agents": agents, "failing": known.failing[:5], "runs": _last_runs()}
    return render(request, "klix_site/overview.html", context)


def _steps() -> list[tuple[str, str, str, bool]]:
    """What a first call needs: (words, where to make it, what that is called, whether it is there)."""
    return [
        ("An agent to call", "agents:new", "Make an agent", agent_selectors.active_agents().exists()),
        ("A caller and what it wants", "agents:scenario_new", "Write a scenario", Scenario.objects.exists()),
        ("A rule for a good call", "evaluations:criterion_new", "Add a criterion", Criterion.objects.exists()),
    ]


def _last_runs() -> list[RunRow]:
    return run_rows(
        Run.objects.select_related("agent_version__agent").order_by("-created_at", "-id")[:10], with_replies=False
    )


def _first_call() -> Scenario | None:
    """A scenario that is ready for a first call: it names its caller, and there is an agent to call."""
    ready = agent_selectors.active_scenarios().filter(persona__isnull=False).first()
    return ready if agent_selectors.active_agents().exists() else None


@require_GET
def goto(request: HttpRequest) -> HttpResponse:
    """Pages, agents, personas, scenarios and criteria by a part of their name, for Ctrl K."""
    wanted = request.GET.get("q", "").strip()[:100]
    nav = navigation.of(request)
    pages = [("layout-dashboard", link.label, "Page", link.url) for link in [*nav.work, *nav.design]]
    found = [page for page in pages if wanted.casefold() in page[1].casefold()]
    if wanted:
        found += _things(wanted)
    return render(request, "klix_site/_goto.html", {"found": found, "wanted": wanted})


def _things(wanted: str) -> list[tuple[str, str, str, str]]:
    found: list[tuple[str, str, str, str]] = []
    shelves: list[tuple[QuerySet[Agent] | QuerySet[Persona] | QuerySet[Scenario] | QuerySet[Criterion], str, str, str]]
    shelves = [
        (Agent.objects.all(), "bot", "Agent", "agents:detail"),
        (Persona.objects.all(), "drama", "Persona", "agents:persona"),
        (Scenario.objects.all(), "scroll-text", "Scenario", "agents:scenario"),
        (Criterion.objects.all(), "badge-check", "Criterion", "evaluations:criterion"),
    ]
    for shelf, icon, word, name in shelves:
        for thing in shelf.filter(name__icontains=wanted, archived_at=None)[:GOTO_EACH]:
            found.append((icon, thing.name, word, reverse(name, args=[thing.public_id])))
    calls = chosen_calls(Call.objects.select_related("agent", "persona", "scenario"), CallFilter(text=wanted))
    for call in calls[:GOTO_EACH]:
        found.append(("phone", f"{call}", "Call", call.get_absolute_url()))
    return found


@require_GET
def style_guide(request: HttpRequest) -> HttpResponse:
    """The parts that pages are built from, in all their states. For staff."""
    if not cast(User, request.user).is_staff:
        raise PermissionDenied
    badges = [call_badge(status) for status in Status]
    badges += [call_badge("completed", "done", outcome) for outcome in ("pass", "fail", "unsure", "error")]
    badges += [call_badge("completed", "running")]
    return render(request, "klix_site/style_guide.html", {"badges": badges, "tokens": TOKENS})


TOKENS = (
    "bg",
    "side",
    "card",
    "sunk",
    "hover",
    "line",
    "line2",
    "ink",
    "ink2",
    "ink3",
    "solid",
    "caller",
    "caller-bg",
    "agent",
    "agent-bg",
    "fail",
    "fail-bg",
    "pass",
    "pass-bg",
    "warn",
    "warn-bg",
)
