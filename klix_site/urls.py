from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import include, path

from calls.urls import urlpatterns as call_patterns
from evaluations.call_urls import urlpatterns as call_page_patterns
from klix_site import views

# One namespace for calls: the page of one call shows what was found about it, and so lives a storey higher.
calls = ([*call_patterns, *call_page_patterns], "calls")

urlpatterns = [
    path("", views.overview, name="overview"),
    path("calls/", include(calls)),
    path("", include("agents.urls")),
    path("", include("evaluations.urls")),
    path("goto/", views.goto, name="goto"),
    path("style-guide/", views.style_guide, name="style_guide"),
    path("sign-in/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("sign-out/", auth.LogoutView.as_view(), name="logout"),
    path("password/", auth.PasswordChangeView.as_view(), name="password_change"),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("admin/", admin.site.urls),
    path("", include("calls.webhook_urls")),
    path("", include("klix_site.api_urls")),
]
