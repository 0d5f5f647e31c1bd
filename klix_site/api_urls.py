"""The routes of machines: health, the REST API, and the mission's POST /call."""

from django.urls import path

from klix_site import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
