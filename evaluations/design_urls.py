"""Pages about personas and scenarios; joined with `agents.urls` under the namespace `agents` by `klix_site.urls`."""

from django.urls import path

from evaluations import definition_views, design_views, voice_views

urlpatterns = [
    path("personas/", design_views.persona_list, name="personas"),
    path("personas/<uuid:public_id>/", design_views.persona_detail, name="persona"),
    path("personas/<uuid:public_id>/voice/", voice_views.persona_voice, name="persona_voice"),
    path("personas/<uuid:public_id>/persona.yaml", definition_views.persona_yaml, name="persona_yaml"),
    path("scenarios/", design_views.scenario_list, name="scenarios"),
    path("scenarios/<uuid:public_id>/", design_views.scenario_detail, name="scenario"),
    path("scenarios/<uuid:public_id>/criteria/", design_views.scenario_criteria, name="scenario_criteria"),
    path("scenarios/<uuid:public_id>/scenario.yaml", definition_views.scenario_yaml, name="scenario_yaml"),
    path("definitions/import/", definition_views.import_definitions, name="definitions_import"),
    path("voices/hear/", voice_views.voice_heard, name="voice_heard"),
    path("agents/<uuid:public_id>/voice/", voice_views.agent_voice, name="agent_voice"),
]
