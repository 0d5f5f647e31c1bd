"""Websocket addresses of the live pages, below /live/."""

from django.urls import path

from calls.live_consumer import LiveCallConsumer, LiveListConsumer

live_urlpatterns = [
    path("calls/", LiveListConsumer.as_asgi()),
    path("calls/<uuid:public_id>/", LiveCallConsumer.as_asgi()),
]
