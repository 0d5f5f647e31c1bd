"""The settings as a page: what this installation uses, with keys masked. They are changed in the environment."""

import logging
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from celery import shared_task
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from agents.models import Agent, Persona
from agents.provider_checks import WARN_DAYS, Finding, check_all, model_of
from agents.provider_settings import CAPABILITIES
from agents.providers.openai_shutdowns import instead_of
from klix_site.models import ApiToken, ProviderCheck
from klix_site.rights import role_of

log = logging.getLogger(__name__)
# A message that waited so long has been sent again by the sweep.
SWEEP_EXPIRES_S: Final = 10
# Longer than the round trips take together; after it another worker may try.
CLAIM: Final = timedelta(minutes=5)
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
    def instead(self) -> str:
        """What to choose for a model that is soon shut down, or was."""
        is_soon = self.days_left is not None and self.days_left < WARN_DAYS
        return instead_of(self.found.model, self.found.role) if is_soon else ""

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
    kept = ProviderCheck.objects.filter(pk=1).first()
    today = timezone.localdate()
    context = {
        "capabilities": [_capability(name, label) for name, label in NAMES.items()],
        "checked_at": kept.checked_at if kept else None,
        "findings": [_shown(found, today) for found in _findings(kept)],
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
    return Capability(label, served["base_url"], served["model"] or _models_of(name), masked_key(served["api_key"]))


def _models_of(capability: str) -> str:
    """Those that are asked for unless another is set."""
    if capability == "judge":
        return "none"
    models = (model_of(*key) for key, of in CAPABILITIES.items() if of == capability)
    return ", ".join(sorted({model for model in models if model}))


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
    """Keeps the wish, so that it outlives a queue that is away; the sweep sends it again."""
    ProviderCheck.objects.update_or_create(pk=1, defaults={"asked_at": timezone.now()})
    send_check()
    messages.success(request, "The models are being asked: one short round trip each. Reload in a minute.")
    return redirect("settings")


def send_check() -> None:
    try:
        check_providers_now.delay()
    except OperationalError:
        log.warning("The task queue cannot be reached; the sweep will send the check of the models later.")


def _asked() -> "QuerySet[ProviderCheck]":
    unclaimed = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now())
    return ProviderCheck.objects.filter(unclaimed, pk=1, asked_at__isnull=False)


def resend_check() -> None:
    if _asked().exists():
        send_check()


@shared_task(name="klix_site.check_providers_now", ignore_result=True, expires=SWEEP_EXPIRES_S)  # type: ignore[untyped-decorator]  # Celery ships no types
def check_providers_now() -> None:
    """A round trip through each capability, once for each wish; what was found is kept for the page."""
    if not _asked().update(claimed_until=timezone.now() + CLAIM):
        return
    found = [asdict(each) for each in check_all(settings.PRICES)]
    ProviderCheck.objects.filter(pk=1).update(
        asked_at=None, claimed_until=None, checked_at=timezone.now(), findings=found
    )


def _findings(kept: ProviderCheck | None) -> list[Finding]:
    """Costs were written as text: JSON has no decimals."""
    return [
        Finding(**{**each, "cost": None if each["cost"] is None else Decimal(each["cost"])})
        for each in (kept.findings if kept else [])
    ]
