from django.urls import path

from agents import views

app_name = "agents"
urlpatterns = [
    path("agents/new/", views.agent_new, name="new"),
    path("agents/<uuid:public_id>/", views.agent_detail, name="detail"),
    path("agents/<uuid:public_id>/edit/", views.agent_edit, name="edit"),
    path("agents/<uuid:public_id>/duplicate/", views.agent_duplicate, name="duplicate"),
    path("agents/<uuid:public_id>/archive/", views.agent_archive, name="archive"),
    path("providers/help/", views.provider_help, name="provider_help"),
    path("personas/new/", views.persona_new, name="persona_new"),
    path("personas/<uuid:public_id>/edit/", views.persona_edit, name="persona_edit"),
    path("personas/<uuid:public_id>/duplicate/", views.persona_duplicate, name="persona_duplicate"),
    path("personas/<uuid:public_id>/archive/", views.persona_archive, name="persona_archive"),
    path("scenarios/new/", views.scenario_new, name="scenario_new"),
    path("scenarios/<uuid:public_id>/edit/", views.scenario_edit, name="scenario_edit"),
    path("scenarios/<uuid:public_id>/duplicate/", views.scenario_duplicate, name="scenario_duplicate"),
    path("scenarios/<uuid:public_id>/archive/", views.scenario_archive, name="scenario_archive"),
]
