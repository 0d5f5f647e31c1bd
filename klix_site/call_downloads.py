"""A call to take away: one HTML file that needs nothing else, and a ZIP with everything."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET

from calls import selectors
from calls.models import Call
from calls.recordings import path_of
from evaluations.report.page import CallReport, call_report
from klix_site.api import CallDetail
from klix_site.serializers import CallDetailSerializer

# Longer recordings are left out of the single file: browsers choke on larger data URLs. The ZIP has them all.
MAX_EMBEDDED_BYTES: Final = 24_000_000


@require_GET
def report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """`?audio=none` leaves the recording out."""
    shown = _report(public_id)
    audio = _audio(shown) if request.GET.get("audio") != "none" else None
    embedded = audio is not None and audio.stat().st_size <= MAX_EMBEDDED_BYTES
    source = _data_url(audio) if audio and embedded else ""
    response = HttpResponse(_html(shown, source), content_type="text/html; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="call-{public_id}.html"'
    return response


@require_GET
def bundle(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """report.html, call.json (as the REST API shows it), and recording.wav where there is one."""
    shown = _report(public_id)
    audio = _audio(shown)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("report.html", _html(shown, "recording.wav" if audio else ""))
        packed.writestr("call.json", json.dumps(_as_json(public_id), indent=1, default=str, ensure_ascii=False))
        if audio:
            packed.write(audio, "recording.wav")
    response = HttpResponse(out.getvalue(), content_type="application/zip")
    response.headers["Content-Disposition"] = f'attachment; filename="call-{public_id}.zip"'
    return response


def _report(public_id: UUID) -> CallReport:
    try:
        return call_report(selectors.call_for_page(public_id))
    except Call.DoesNotExist:
        raise Http404("There is no such call.") from None


def _audio(shown: CallReport) -> Path | None:
    return path_of(shown.recording) if shown.recording else None


def _data_url(path: Path) -> str:
    return f"data:audio/wav;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _html(shown: CallReport, audio: str) -> str:
    turns = list(shown.call.turns.all())
    return render_to_string("klix_site/call_report.html", {"report": shown, "turns": turns, "audio": audio})


def _as_json(public_id: UUID) -> Any:
    return CallDetailSerializer(CallDetail.queryset.all().get(public_id=public_id)).data
