"""Pages about calls: the list, placing one, hanging up, and the recording."""

import uuid
from typing import cast
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from calls import selectors, services
from calls.forms import CallFilterForm, PlaceCallForm
from calls.models import Call, Recording
from calls.recordings import path_of, ranged_response

TABS = [("all", "All"), ("live", "Live"), ("failed", "Failed"), ("passed", "Passed"), ("errors", "Errors")]


# What a refusal is about, in the form's words.
FIELDS = {"agent": "agent", "persona": "persona", "scenario": "scenario", "to": "to_number", "to_number": "to_number"}


class HtmxRequest(HttpRequest):
    htmx: HtmxDetails


@require_GET
@gzip_page
def call_list(request: HttpRequest) -> HttpResponse:
    chosen = CallFilterForm(request.GET).chosen()
    after = request.GET.get("after", "")
    try:
        page = selectors.call_page(chosen, after)
    except (ValueError, UnicodeDecodeError, OverflowError):
        raise Http404("This page of the list does not exist.") from None
    query = request.GET.copy()
    query.pop("after", None)
    query.pop("show", None)
    asked = {"show": chosen.show, "q": chosen.text, "agent": chosen.agent or ""}
    context = {
        "page": page,
        "chosen": chosen,
        "after": after,
        "tabs": TABS,
        "query": query.urlencode(),
        "asked": urlencode({name: value for name, value in asked.items() if value and value != "all"}),
    }
    return render(request, "calls/list.html", context)


@require_http_methods(["GET", "POST"])
def place(request: HttpRequest) -> HttpResponse:
    form = PlaceCallForm(request.POST or None, initial=_wished(request))
    if request.method == "POST" and form.is_valid():
        try:
            call = _place(form)
        except services.CallRefused as refused:
            form.add_error(FIELDS.get(refused.field), refused.message)
        except services.TelephonyFailed as failed:
            return redirect(failed.call)  # its page says why
        else:
            return redirect(call)
    return render(request, "calls/place.html", {"form": form}, status=422 if form.is_bound else 200)


def _wished(request: HttpRequest) -> dict[str, str]:
    """What a link asks for (?agent=…&persona=…&scenario=…), and a key: a form sent twice places one call."""
    wished = {name: request.GET[name] for name in ("agent", "persona", "scenario", "to_number") if name in request.GET}
    return {**wished, "idempotency_key": str(uuid.uuid4())}


def _place(form: PlaceCallForm) -> Call:
    chosen = form.cleaned_data
    return services.place_call(
        agent_version=form.version,
        to_number=chosen["to_number"],
        persona=chosen["persona"],
        scenario=chosen["scenario"],
        idempotency_key=chosen["idempotency_key"] or None,
    )


@require_GET
def talk(request: HttpRequest) -> HttpResponse:
    """The browser phone. The call itself is a websocket: `calls.browser_phone`."""
    return render(
        request,
        "calls/talk.html",
        {"agents": selectors.agents_to_talk_to(), "wished": request.GET.get("agent", "")},
    )


@require_POST
def hang_up(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    call = get_object_or_404(Call, public_id=public_id)
    try:
        services.hang_up(call)
    except (services.CallRefused, services.TelephonyFailed) as failed:
        messages.error(request, failed.message)
    else:
        if cast(HtmxRequest, request).htmx:
            return HttpResponse(status=204)  # the page hears of the end by itself
        messages.success(request, "The call is being ended.")
    if cast(HtmxRequest, request).htmx:
        return HttpResponseClientRefresh()
    return redirect(call)


@require_GET
async def recording(request: HttpRequest, public_id: uuid.UUID) -> HttpResponseBase:
    """The recording as WAV, in ranges; `?download` names the file. Only for those who are signed in."""
    found = await Recording.objects.filter(call__public_id=public_id, state=Recording.State.READY).afirst()
    path = await sync_to_async(path_of)(found) if found else None
    if path is None:
        raise Http404("This call has no recording.")
    name = f"call-{public_id}.wav" if "download" in request.GET else ""
    return await sync_to_async(ranged_response)(
        path, request.headers.get("Range", ""), content_type="audio/wav", download_as=name
    )
