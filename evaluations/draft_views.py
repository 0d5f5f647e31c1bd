"""Scenarios that a model drafts from an agent's prompt: a person reads each before any is saved."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from agents.errors import ProviderError
from agents.forms import ScenarioForm
from agents.models import Agent, Scenario
from evaluations.scenario_drafts import MAX_DRAFTS, draft_scenarios

PREFIX = "draft"


class CountForm(forms.Form):
    n = forms.IntegerField(
        label="How many", min_value=1, max_value=MAX_DRAFTS, initial=5, help_text=f"1 to {MAX_DRAFTS}."
    )


class DraftForm(ScenarioForm):
    keep = forms.BooleanField(required=False, initial=True, label="Save this one")
    script = None  # type: ignore[assignment]  # Django's way to leave an inherited field out
    line = None  # type: ignore[assignment]

    class Meta:
        model = Scenario
        fields = ("name", "goal", "persona", "facts", "outcome")


# Django's stubs know formsets by a type parameter that exists there alone.
Drafts: Any = forms.formset_factory(DraftForm, extra=0, max_num=MAX_DRAFTS, absolute_max=MAX_DRAFTS)


@require_http_methods(["GET", "POST"])
@never_cache
def drafts(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Asks how many, then shows the drafts as forms (nothing is saved by that), then saves those that are kept."""
    agent = get_object_or_404(Agent, public_id=public_id)
    if f"{PREFIX}-TOTAL_FORMS" in request.POST:
        return _save(request, agent)
    form = CountForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            found = draft_scenarios(agent, form.cleaned_data["n"])
        except ProviderError as error:
            form.add_error(None, error.message)
        else:
            shown = Drafts(prefix=PREFIX, initial=[_initial(draft) for draft in found])
            return render(request, "evaluations/drafts.html", {"agent": agent, "drafts": shown})
    return render(
        request, "evaluations/drafts.html", {"agent": agent, "form": form}, status=422 if form.is_bound else 200
    )


def _initial(draft: Scenario) -> dict[str, Any]:
    return {"name": draft.name, "goal": draft.goal, "facts": draft.facts, "outcome": draft.outcome, "keep": True}


def _save(request: HttpRequest, agent: Agent) -> HttpResponse:
    """All that are kept, or none while one of them is wrong."""
    sent = Drafts(request.POST, prefix=PREFIX)
    kept = [form for form in sent.forms if form["keep"].value()]
    with transaction.atomic():
        # One after the other: a name that two of them have is wrong in the second.
        saved = [form.save() for form in kept if form.is_valid()]
        if is_wrong := len(saved) < len(kept):
            transaction.set_rollback(True)
    if is_wrong:
        return render(request, "evaluations/drafts.html", {"agent": agent, "drafts": sent}, status=422)
    messages.success(request, f"{len(saved)} scenario{'' if len(saved) == 1 else 's'} saved.")
    return redirect("agents:scenarios")
