"""The page that brings in a finished call."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from calls.import_forms import ImportForm
from calls.imports import Material, import_call
from calls.models import Call
from calls.refusals import CallRefused


@require_http_methods(["GET", "POST"])
def import_recording(request: HttpRequest) -> HttpResponse:
    form = ImportForm(request.POST or None, request.FILES or None, initial={"agent": request.GET.get("agent")})
    if request.method == "POST" and form.is_valid():
        try:
            return redirect(_imported(form))
        except CallRefused as refused:
            form.add_error(refused.field or None, refused.message)
    return render(request, "calls/import.html", {"form": form}, status=422 if form.is_bound else 200)


def _imported(form: ImportForm) -> Call:
    given = form.cleaned_data
    return import_call(
        Material(
            agent_version=given["agent"].current_version,
            audio=given["audio"],
            recording_sid=given["recording_sid"],
            turns=given["transcript"],
            agent_is_left=given["agent_channel"] == "left",
        )
    )
