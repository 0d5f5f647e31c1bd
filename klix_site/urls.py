from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("klix_site.api_urls")),
    path("", include(("calls.webhook_urls", "calls"))),
]
