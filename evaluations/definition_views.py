"""Personas, scenarios, criteria and suites as YAML: one taken away from its page, a file of many brought in.

The documents are those that the `klix` command line pushes and pulls (docs/cli.md).
"""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from agents.models import Persona, Scenario
from evaluations.definitions import DefinitionError, as_yaml, save_all

MAX_BYTES = 1_000_000


@require_GET
def persona_yaml(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    return _file(get_object_or_404(Persona, public_id=public_id), "persona")


@require_GET
def scenario_yaml(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    return _file(get_object_or_404(Scenario, public_id=public_id), "scenario")


def _file(thing: Persona | Scenario, kind: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{kind}-{thing.public_id}.yaml"'}
    return HttpResponse(as_yaml(kind, thing), content_type="application/yaml; charset=utf-8", headers=headers)


class ImportForm(forms.Form):
    file = forms.FileField(
        label="YAML file",
        help_text="Documents of the kinds persona, scenario, criterion and suite. One of a name that is there already "
        "replaces what it says.",
    )

    def clean_file(self) -> str:
        file: Any = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Split it.")
        try:
            return str(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8 text.") from None


@require_http_methods(["GET", "POST"])
def import_definitions(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        try:
            with transaction.atomic():
                saved = save_all(form.cleaned_data["file"])
        except DefinitionError as error:
            form.add_error("file", [str(problem) for problem in error.problems])
        else:
            words = ", ".join(f"{kind} {name}" for kind, name in saved)
            messages.success(request, f"Saved: {words}.")
            return redirect("agents:scenarios")
    context = {"form": form, "title": "Import YAML", "list_title": "Scenarios", "list_url": reverse("agents:scenarios")}
    return render(request, "evaluations/import.html", context, status=422 if form.is_bound else 200)
