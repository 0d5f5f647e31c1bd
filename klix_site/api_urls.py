"""The routes of machines: health, the REST API, and POST /call."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from calls.api import PlaceCallView
from calls.import_api import ImportRecordingView
from klix_site import api, health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("call", PlaceCallView.as_view(), name="place-call"),
    path("api/v1/", api.Root.as_view(), name="api-root"),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("api/v1/", include("evaluations.api_urls")),
    path("api/v1/recordings/", ImportRecordingView.as_view(), name="api-recordings"),
    path("api/v1/calls/", api.CallList.as_view(), name="api-calls"),
    path("api/v1/calls/<uuid:public_id>/", api.CallDetail.as_view(), name="api-call"),
    path("api/v1/calls/<uuid:public_id>/recording", api.CallRecording.as_view(), name="api-call-recording"),
]
