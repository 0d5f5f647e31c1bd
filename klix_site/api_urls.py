"""The routes of machines: health, the REST API, and POST /call."""

from typing import Any, Final

from django.urls import URLPattern, path
from drf_spectacular.views import SpectacularAPIView

from calls.api import PlaceCallView
from calls.import_api import ImportRecordingView
from klix_site import (
    api,
    api_account,
    api_design,
    api_labels,
    api_plans,
    api_previews,
    api_results,
    api_runs,
    api_schema,
    health,
)

# List → (name of the route of one of them, its view, the list's view)
DESIGN: Final[dict[str, tuple[str, Any, Any]]] = {
    "agents": ("agent", api_design.AgentDetail, api_design.AgentList),
    "personas": ("persona", api_design.PersonaDetail, api_design.PersonaList),
    "scenarios": ("scenario", api_design.ScenarioDetail, api_design.ScenarioList),
    "criteria": ("criterion", api_design.CriterionDetail, api_design.CriterionList),
    "suites": ("suite", api_design.SuiteDetail, api_design.SuiteList),
}


def _design() -> list[URLPattern]:
    lists = [path(f"api/v1/{name}/", listed.as_view(), name=f"api-{name}") for name, (_, _, listed) in DESIGN.items()]
    details = [
        path(f"api/v1/{name}/<uuid:public_id>/", view.as_view(), name=f"api-{one}")
        for name, (one, view, _) in DESIGN.items()
    ]
    return lists + details


urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("call", PlaceCallView.as_view(), name="place-call"),
    path("api/v1/", api.Root.as_view(), name="api-root"),
    path("api/v1/schema", SpectacularAPIView.as_view(), name="api-schema"),
    *_design(),
    path("api/v1/agents/<uuid:public_id>/versions/", api_design.AgentVersions.as_view(), name="api-agent-versions"),
    path("api/v1/agents/<uuid:public_id>/trends/", api_previews.AgentTrends.as_view(), name="api-agent-trends"),
    path("api/v1/agents/<uuid:public_id>/drafts", api_previews.DraftScenarios.as_view(), name="api-agent-drafts"),
    path("api/v1/criteria/try", api_previews.TryCriterion.as_view(), name="api-criteria-try"),
    path("api/v1/runs/estimate", api_previews.EstimateRun.as_view(), name="api-runs-estimate"),
    path("api/v1/schedules/", api_plans.ScheduleList.as_view(), name="api-schedules"),
    path("api/v1/schedules/<uuid:public_id>/", api_plans.ScheduleDetail.as_view(), name="api-schedule"),
    path("api/v1/alert-rules/", api_plans.AlertRuleList.as_view(), name="api-alert-rules"),
    path("api/v1/alert-rules/<uuid:public_id>/", api_plans.AlertRuleDetail.as_view(), name="api-alert-rule"),
    path("api/v1/alerts/", api_plans.AlertList.as_view(), name="api-alerts"),
    path("api/v1/runs/", api_runs.RunList.as_view(), name="api-runs"),
    path("api/v1/runs/<uuid:public_id>/", api_runs.RunDetail.as_view(), name="api-run"),
    path("api/v1/runs/<uuid:public_id>/cases/", api_runs.RunCases.as_view(), name="api-run-cases"),
    path("api/v1/runs/<uuid:public_id>/stop", api_runs.StopRun.as_view(), name="api-run-stop"),
    path("api/v1/runs/<uuid:public_id>/retry", api_runs.RetryRun.as_view(), name="api-run-retry"),
    path("api/v1/baselines/", api_runs.BaselineList.as_view(), name="api-baselines"),
    path("api/v1/comparisons/", api_runs.ComparisonView.as_view(), name="api-comparisons"),
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
