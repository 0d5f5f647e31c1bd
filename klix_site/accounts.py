"""Signing in, resetting a password, one's own tokens, and the audit log."""

from datetime import datetime, timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from klix_site import rights, throttling
from klix_site.addresses import address_of
from klix_site.models import ApiToken, AuditEntry
from klix_site.tokens import make_token

AUDIT_PAGE = 50


def _refused(request: HttpRequest, template: str, context: dict[str, Any], sentence: str) -> HttpResponse:
    response = render(request, template, {**context, "refusal": sentence}, status=429)
    response.headers["Retry-After"] = str(throttling.WINDOW_S)
    return response


# --- Signing in -------------------------------------------------------------------------------------------------------
@method_decorator(login_not_required, name="dispatch")
class SignIn(auth.LoginView):
    """Too many failures of a name, or from an address: 429 until the window has passed, whatever the password."""

    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if throttling.is_blocked(self._username(), address_of(request)):
            minutes = throttling.WINDOW_S // 60
            return self._refused(f"Too many attempts. Wait {minutes} minutes, or reset your password.")
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        throttling.forget_failures(self._username(), address_of(self.request))
        return super().form_valid(form)

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        throttling.count_failure(self._username(), address_of(self.request))
        return super().form_invalid(form)

    def _username(self) -> str:
        return self.request.POST.get("username", "").strip()

    def _refused(self, sentence: str) -> HttpResponse:
        form = self.get_form_class()(self.request)
        return _refused(self.request, "registration/login.html", self.get_context_data(form=form), sentence)


@method_decorator(login_not_required, name="dispatch")
class AskForReset(auth.PasswordResetView):
    """Sends a link if the address is known, and says the same if not. The link's host is ours, not the request's."""

    extra_email_context = {
        "protocol": settings.PUBLIC_BASE_URL.partition("://")[0],
        "domain": settings.PUBLIC_BASE_URL.partition("://")[2],
        "site_name": "Klix",
    }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        address = address_of(request)
        name = f"reset:{request.POST.get('email', '').strip()}"
        context = self.get_context_data(form=self.get_form_class()())
        template = "registration/password_reset_form.html"
        if throttling.is_blocked(name, address):
            return _refused(request, template, context, "Too many attempts. Wait 15 minutes.")
        throttling.count_failure(name, address)
        return super().post(request, *args, **kwargs)


# --- Tokens -----------------------------------------------------------------------------------------------------------
class TokenForm(forms.Form):
    """A new token of one's own."""

    name = forms.CharField(max_length=100, help_text="What it is for: nightly regression, CI.")
    scopes = forms.MultipleChoiceField(
        choices=[
            ("read", "Read: see everything"),
            ("write", "Write: change the test design, score, make tokens"),
            ("call", "Call: place calls and hang them up"),
        ],
        initial=["read"],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label="Valid for days", min_value=1, max_value=3650, initial=90, required=False, help_text="Blank: for ever."
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ApiToken.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a token of this name. Choose another.")
        return name

    def expires_at(self) -> datetime | None:
        days: int | None = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None


@require_http_methods(["GET", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens; an administrator sees those of all. A new one is shown once, in the answer that made it."""
    user = cast(User, request.user)
    form = TokenForm(request.POST or None)
    made = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        made = make_token(data["name"], user, expires_at=form.expires_at(), scopes=data["scopes"])
        form = TokenForm()
    context = {"form": form, "made": made, "tokens": _tokens_of(user), "now": timezone.now()}
    return render(request, "klix_site/tokens.html", context, status=422 if form.is_bound else 200)


@require_POST
def token_revoke(request: HttpRequest, public_id: Any) -> HttpResponse:
    token = get_object_or_404(_tokens_of(cast(User, request.user)), public_id=public_id)
    token.delete()
    messages.success(request, f"{token.name} is revoked.")
    return redirect("tokens")


def _tokens_of(user: User) -> Any:
    found = ApiToken.objects.select_related("user")
    return found if rights.may(user, rights.Right.ADMINISTER) else found.filter(user=user)


# --- The audit log ----------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def audit_log(request: HttpRequest) -> HttpResponse:
    """For administrators: newest first, ?q= in names of people, actions and ids."""
    wanted = request.GET.get("q", "").strip().replace("\x00", "")[:100]
    entries = AuditEntry.objects.all()
    if wanted:
        entries = entries.filter(
            Q(actor__icontains=wanted) | Q(action__icontains=wanted) | Q(object_id__startswith=wanted)
        )
    page = Paginator(entries, AUDIT_PAGE).get_page(request.GET.get("page"))
    return render(request, "klix_site/audit.html", {"page": page, "wanted": wanted})
