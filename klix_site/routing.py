"""Websocket addresses of the live pages, below /live/, for those who may see."""

from typing import Any

from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.urls import path

from calls.browser_phone import browser_phone
from calls.live_consumer import NOT_ALLOWED, LiveCallConsumer, LiveListConsumer
from evaluations.run_live import LiveRunConsumer
from klix_site.rights import Right, may

live_urlpatterns = [
    path("runs/<uuid:public_id>/", LiveRunConsumer.as_asgi()),
    path("calls/", LiveListConsumer.as_asgi()),
    path("calls/<uuid:public_id>/", LiveCallConsumer.as_asgi()),
]
_phone: Any = browser_phone  # an ASGI application: django-stubs knows only views as what a route leads to
_talk = URLRouter([path("talk/<uuid:agent_id>/", _phone)])
_pages = URLRouter(live_urlpatterns)
_may = database_sync_to_async(may)


async def live_pages(scope: Any, receive: Any, send: Any) -> None:
    """Asks `rights` before any consumer is made. To talk is to place a call."""
    is_call = scope["path"].startswith("/live/talk/")
    if await _may(scope["user"], Right.CALL if is_call else Right.VIEW):
        await (_talk if is_call else _pages)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": NOT_ALLOWED})
