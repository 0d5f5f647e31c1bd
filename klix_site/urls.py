from typing import Any

from django.contrib import admin
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django.views.generic import RedirectView

from agents.urls import urlpatterns as agent_patterns
from calls import views as call_views
from calls.urls import urlpatterns as call_patterns
from evaluations import agent_views, run_views
from evaluations.call_urls import urlpatterns as call_page_patterns
from evaluations.design_urls import urlpatterns as design_patterns
from klix_site import accounts, call_downloads, exports, settings_page, views

admin.autodiscover()

# One namespace for calls: the page of one call shows what was found about it, and so lives a storey higher.
calls = ([*call_patterns, *call_page_patterns], "calls")
agents = (
    [path("agents/", agent_views.agent_list, name="list"), *design_patterns, *agent_patterns],
    "agents",
)


def public(view: Any, **options: Any) -> Any:
    """For those who have not signed in."""
    return login_not_required(view.as_view(**options))


urlpatterns = [
    path("", views.overview, name="overview"),
    path("calls/", include(calls)),
    path("talk/", call_views.talk, name="talk"),
    path("runs/", include("evaluations.run_urls")),
    path("trends/", run_views.trends, name="trends"),
    path("", include(agents)),
    path("", include("evaluations.urls")),
    path("goto/", views.goto, name="goto"),
    path("style-guide/", views.style_guide, name="style_guide"),
    path("sign-in/", accounts.SignIn.as_view(), name="login"),
    path("reset/", accounts.AskForReset.as_view(), name="password_reset"),
    path("reset/sent/", public(auth.PasswordResetDoneView), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", public(auth.PasswordResetConfirmView), name="password_reset_confirm"),
    path("reset/done/", public(auth.PasswordResetCompleteView), name="password_reset_complete"),
    path("export/<slug:kind>.<slug:form>", exports.export, name="export"),
    path("calls/<uuid:public_id>/report.html", call_downloads.report, name="call_report"),
    path("calls/<uuid:public_id>/bundle.zip", call_downloads.bundle, name="call_bundle"),
    path("settings/", settings_page.page, name="settings"),
    path("settings/models/", settings_page.check_models, name="check_models"),
    path("settings/tokens/", accounts.tokens, name="tokens"),
    path("settings/tokens/<uuid:public_id>/revoke/", accounts.token_revoke, name="token_revoke"),
    path("settings/audit/", accounts.audit_log, name="audit"),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
    path("password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    # One door, where attempts are counted.
    path("admin/login/", public(RedirectView, pattern_name="login", query_string=True), name="admin_login"),
    path("admin/", admin.site.urls),
    path("", include("calls.webhook_urls")),
    path("", include("klix_site.api_urls")),
]
