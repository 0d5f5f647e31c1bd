from django.urls import path

from evaluations import plan_views as plans
from evaluations import run_views as views

app_name = "runs"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("new/", views.new, name="new"),
    path("estimate/", views.estimate, name="estimate"),
    path("compare/", views.compare, name="compare"),
    path("suites/", plans.suites, name="suites"),
    path("suites/new/", plans.suite_edit, name="suite_new"),
    path("suites/<uuid:public_id>/", plans.suite_edit, name="suite_edit"),
    path("suites/<uuid:public_id>/archive/", plans.suite_archive, name="suite_archive"),
    path("schedules/", plans.schedules, name="schedules"),
    path("schedules/new/", plans.schedule_edit, name="schedule_new"),
    path("schedules/<uuid:public_id>/", plans.schedule_edit, name="schedule_edit"),
    path("schedules/<uuid:public_id>/delete/", plans.schedule_delete, name="schedule_delete"),
    path("alerts/", plans.alerts, name="alerts"),
    path("alerts/new/", plans.alert_edit, name="alert_new"),
    path("alerts/<uuid:public_id>/", plans.alert_edit, name="alert_edit"),
    path("alerts/<uuid:public_id>/delete/", plans.alert_delete, name="alert_delete"),
    path("<uuid:public_id>/baseline/", views.baseline, name="baseline"),
    path("<uuid:public_id>/", views.run, name="run"),
    path("<uuid:public_id>/calls.csv", views.calls_file, {"form": "csv"}, name="csv"),
    path("<uuid:public_id>/calls.json", views.calls_file, {"form": "json"}, name="json"),
    path("<uuid:public_id>/stop/", views.stop, name="stop"),
    path("<uuid:public_id>/retry/", views.retry, name="retry"),
]
