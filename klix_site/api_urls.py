"""The routes of machines: health, the REST API, and POST /call."""

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from calls.api import PlaceCallView
from calls.import_api import ImportRecordingView
from klix_site import api, api_account, api_labels, api_results, api_schema, health

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
    path("api/v1/reference/", api_schema.reference, name="api-reference"),
    path("api/v1/calls/<uuid:public_id>/hang-up", api.HangUp.as_view(), name="api-call-hang-up"),
    path("api/v1/calls/<uuid:public_id>/evaluate", api_results.CallEvaluate.as_view(), name="api-call-evaluate"),
    path("api/v1/evaluations/", api_results.EvaluationList.as_view(), name="api-evaluations"),
    path("api/v1/evaluations/<uuid:public_id>/", api_results.EvaluationDetail.as_view(), name="api-evaluation"),
    path("api/v1/verdicts/", api_results.VerdictList.as_view(), name="api-verdicts"),
    path("api/v1/labels/", api_labels.LabelList.as_view(), name="api-labels"),
    path("api/v1/labels/<uuid:public_id>/", api_labels.LabelDetail.as_view(), name="api-label"),
    path("api/v1/webhooks/", api_account.WebhookList.as_view(), name="api-webhooks"),
    path("api/v1/webhooks/<uuid:public_id>/", api_account.WebhookDetail.as_view(), name="api-webhook"),
    path(
        "api/v1/webhooks/<uuid:public_id>/deliveries/",
        api_account.DeliveryList.as_view(),
        name="api-webhook-deliveries",
    ),
    path("api/v1/tokens/", api_account.TokenList.as_view(), name="api-tokens"),
    path("api/v1/tokens/<uuid:public_id>/", api_account.TokenDetail.as_view(), name="api-token"),
    path("api/v1/calls/<uuid:public_id>/recording", api.CallRecording.as_view(), name="api-call-recording"),
]
