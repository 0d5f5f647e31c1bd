"""The page of one call; joined with `calls.urls` under the namespace `calls` by `klix_site.urls`."""

from django.urls import path

from evaluations import call_views, label_views

urlpatterns = [
    path("<uuid:public_id>/", call_views.detail, name="detail"),
    path("<uuid:public_id>/parts/", call_views.parts, name="parts"),
    path("<uuid:public_id>/turns/<int:turn>/scenario/", call_views.save_as_scenario, name="scenario_new"),
    path("<uuid:public_id>/compare/", call_views.compare, name="compare"),
    path("<uuid:public_id>/verdicts/<uuid:verdict_id>/label/", label_views.label_on_call, name="label"),
    path("<uuid:public_id>/rescore/", call_views.rescore, name="rescore"),
]
