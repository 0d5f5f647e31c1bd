from django.urls import path

from calls import webhooks

app_name = "twilio"
urlpatterns = [
    path("twilio/voice", webhooks.voice, name="voice"),
    path("twilio/voice/<uuid:leg_id>", webhooks.voice_placed, name="voice-placed"),
    path("twilio/amd/<uuid:leg_id>", webhooks.machine_detection, name="amd"),
    path("twilio/status/<uuid:leg_id>", webhooks.status, name="status"),
]
