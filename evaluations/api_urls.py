"""The routes of definitions, runs and comparisons, below /api/v1/."""

from django.urls import path

from evaluations import api

urlpatterns = [
    path("agents/", api.AgentList.as_view(), name="api-agents"),
    path("personas/", api.PersonaList.as_view(), name="api-personas"),
    path("scenarios/", api.ScenarioList.as_view(), name="api-scenarios"),
    path("criteria/", api.CriterionList.as_view(), name="api-criteria"),
    path("suites/", api.SuiteList.as_view(), name="api-suites"),
    path("runs/", api.RunList.as_view(), name="api-runs"),
    path("runs/<uuid:public_id>/", api.RunDetail.as_view(), name="api-run"),
    path("runs/<uuid:public_id>/cases/", api.RunCases.as_view(), name="api-run-cases"),
    path("runs/<uuid:public_id>/stop", api.StopRun.as_view(), name="api-run-stop"),
    path("runs/<uuid:public_id>/retry", api.RetryRun.as_view(), name="api-run-retry"),
    path("baselines/", api.BaselineList.as_view(), name="api-baselines"),
    path("comparisons/", api.ComparisonView.as_view(), name="api-comparisons"),
]
