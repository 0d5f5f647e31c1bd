from django.urls import path

from evaluations import run_views as views

app_name = "runs"
urlpatterns = [
    path("", views.run_list, name="list"),
    path("new/", views.new, name="new"),
    path("estimate/", views.estimate, name="estimate"),
    path("compare/", views.compare, name="compare"),
    path("<uuid:public_id>/", views.run, name="run"),
    path("<uuid:public_id>/calls.csv", views.calls_csv, name="csv"),
    path("<uuid:public_id>/calls.json", views.calls_json, name="json"),
    path("<uuid:public_id>/stop/", views.stop, name="stop"),
    path("<uuid:public_id>/retry/", views.retry, name="retry"),
]
