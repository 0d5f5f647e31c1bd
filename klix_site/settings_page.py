"""The settings as a page: what this installation uses, with keys masked. They are changed in the environment."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from celery import shared_task
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from agents.models import Agent, Persona
from agents.provider_checks import WARN_DAYS, Finding, check_all
from klix_site.models import ApiToken
from klix_site.rights import role_of

FINDINGS_KEY: Final = "provider-findings-2"
FINDINGS_S: Final = 7 * 24 * 3600
NAMES: Final = {
    "stt": "Speech to text",
    "stt_live": "Speech to text, live",
    "chat": "Brains",
    "tts": "Voices",
    "realtime": "Speech to speech",
    "translation": "Translation",
    "judge": "Judge",
}


@dataclass(frozen=True, slots=True)
class Capability:
    name: str
    address: str
    model: str
    key: str  # masked


@dataclass(frozen=True, slots=True)
class ShownFinding:
    found: Finding
    days_left: int | None

    @property
    def kind(self) -> str:
        if not self.found.asked:
            return "na"
        if self.found.problem or self.found.model_known is False:
            return "fail"
        return "error" if self.days_left is not None and self.days_left < WARN_DAYS else "pass"


def masked_key(key: str) -> str:
    """sk-…1a2b: enough to tell two keys apart, too little to use; short ones are hidden whole."""
    if not key:
        return "not set"
    return f"{key[:3]}…{key[-4:]}" if len(key) >= 20 else "set"


@require_GET
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    kept: dict[str, Any] | None = cache.get(FINDINGS_KEY)
    today = timezone.localdate()
    context = {
        "capabilities": [_capability(name, label) for name, label in NAMES.items()],
        "checked_at": kept["at"] if kept else None,
        "findings": [_shown(found, today) for found in kept["found"]] if kept else [],
        "numbers": _numbers(),
        "telephony": settings.TELEPHONY,
        "account": masked_key(settings.TWILIO_ACCOUNT_SID),
        "auth_token": masked_key(settings.TWILIO_AUTH_TOKEN),
        "judge_model": settings.JUDGE_MODEL,
        "retention_days": settings.RETENTION_DAYS,
        "limits": _limits(),
        "users": [(user, role_of(user)) for user in User.objects.prefetch_related("groups").order_by("username")[:50]],
        "users_n": User.objects.count(),
        "tokens_n": ApiToken.objects.count(),
    }
    return render(request, "klix_site/settings.html", context)


def _capability(name: str, label: str) -> Capability:
    served = settings.SERVED[name]
    return Capability(label, served["base_url"], served["model"] or "the provider's own", masked_key(served["api_key"]))


def _shown(found: Finding, today: date) -> ShownFinding:
    return ShownFinding(found, found.days_left(today))


def _numbers() -> list[tuple[str, str, str]]:
    """(number, who answers it, what that is)."""
    own = [(settings.TWILIO_NUMBER, "calls out", "Klix")] if settings.TWILIO_NUMBER else []
    agents = Agent.objects.filter(archived_at=None).exclude(phone_number="").values_list("phone_number", "name")
    personas = Persona.objects.filter(archived_at=None).exclude(phone_number="").values_list("phone_number", "name")
    return [
        *own,
        *((n, name, "Agent") for n, name in agents[:50]),
        *((n, name, "Persona") for n, name in personas[:50]),
    ]


def _limits() -> list[tuple[str, str]]:
    return [
        ("Longest call", f"{settings.MAX_CALL_S} s"),
        ("Longest silence", f"{settings.MAX_SILENCE_S} s"),
        ("Lines at once", str(settings.LINES) if settings.LINES else "no limit"),
        ("Ears, voice, brain", f"{settings.DEFAULT_EARS}, {settings.DEFAULT_VOICE}, {settings.DEFAULT_BRAIN}"),
        ("Translated into", settings.TRANSLATE_TO or "nothing"),
    ]


# --- Models -----------------------------------------------------------------------------------------------------------
@require_POST
def check_models(request: HttpRequest) -> HttpResponse:
    try:
        check_providers_now.delay()
    except OperationalError:
        messages.error(request, "The task queue cannot be reached. Start the worker and try again.")
    else:
        messages.success(request, "The models are being asked: one short round trip each. Reload in a minute.")
    return redirect("settings")


@shared_task(name="klix_site.check_providers_now", ignore_result=True, expires=300)  # type: ignore[untyped-decorator]  # Celery ships no types
def check_providers_now() -> None:
    """A round trip through each capability; what was found is kept for the page for a week."""
    found = check_all(settings.PRICES)
    cache.set(FINDINGS_KEY, {"at": timezone.now(), "found": found}, timeout=FINDINGS_S)
