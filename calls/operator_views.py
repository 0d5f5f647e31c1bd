"""What an operator does on a live call: a line to say, taking it over by telephone. The answer is the panel's form."""

import uuid
from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from agents.models import E164
from calls import operating
from calls.models import Call
from calls.refusals import CallRefused, TelephonyFailed
from calls.views import HtmxRequest


@require_POST
def say(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    line = request.POST.get("line", "")
    return _done(request, public_id, "say", line, lambda call: operating.dictate(call, line), "It is being said.")


@require_POST
def take_over(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    number = request.POST.get("number", "").replace(" ", "")
    return _done(
        request, public_id, "take_over", number, lambda call: _to_telephone(call, number), "Your telephone rings now."
    )


def _to_telephone(call: Call, number: str) -> None:
    try:
        E164(number)
    except ValidationError:
        raise CallRefused("Write the number with + and country code: +14155550123", "number") from None
    operating.take_over(call, number)


def _done(
    request: HttpRequest, public_id: uuid.UUID, form: str, given: str, act: Callable[[Call], None], said: str
) -> HttpResponse:
    """Keeps what was typed where it was refused."""
    call = get_object_or_404(Call, public_id=public_id)
    refusal = ""
    try:
        act(call)
    except (CallRefused, TelephonyFailed) as error:
        refusal = error.message
    if not cast(HtmxRequest, request).htmx:
        messages.add_message(request, messages.ERROR if refusal else messages.SUCCESS, refusal or said)
        return redirect(call)
    context = {"call": call, "given": given if refusal else "", "refusal": refusal, "said": "" if refusal else said}
    # Refused as the page was made: the answer is shown in place, whatever its status.
    return render(request, f"calls/_operator_{form}.html", context)
