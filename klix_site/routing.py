"""Websocket addresses of the live pages, below /live/, for those who may see."""

import re
from typing import Any

from channels.db import database_sync_to_async
from channels.routing import URLRouter
from django.urls import path, re_path

from calls import operator_line
from calls.browser_phone import browser_phone
from calls.live_consumer import NOT_ALLOWED, LiveCallConsumer, LiveListConsumer
from evaluations.run_live import LiveRunConsumer
from klix_site.addresses import address_in
from klix_site.audit import record
from klix_site.rights import Right, may


async def _nowhere(scope: Any, receive: Any, send: Any) -> None:
    """An address that is none, of an old page or a mistyped one: refused, and no fault of the server."""
    await send({"type": "websocket.close", "code": NOT_ALLOWED})


_unknown: Any = _nowhere
live_urlpatterns = [
    path("runs/<uuid:public_id>/", LiveRunConsumer.as_asgi()),
    path("calls/", LiveListConsumer.as_asgi()),
    path("calls/<uuid:public_id>/", LiveCallConsumer.as_asgi()),
]
_phone: Any = browser_phone  # an ASGI application: django-stubs knows only views as what a route leads to
_listen: Any = operator_line.listen
_take_over: Any = operator_line.take_over
_pages = URLRouter([*live_urlpatterns, re_path(r"", _unknown)])
# A person's voice and ear on a call. What is done is logged, as for pages and REST: (address, action, its object).
_lines = [
    (re.compile(r"/live/talk/[^/]+/"), "called from the browser", "agent"),
    (re.compile(r"/live/calls/[^/]+/listen/"), "call listened to", "call"),
    (re.compile(r"/live/calls/[^/]+/take-over/"), "call taken over", "call"),
]
_phones = URLRouter(
    [
        path("talk/<uuid:agent_id>/", _phone),
        path("calls/<uuid:public_id>/listen/", _listen),
        path("calls/<uuid:public_id>/take-over/", _take_over),
        re_path(r"", _unknown),
    ]
)
_may = database_sync_to_async(may)
_record = database_sync_to_async(record)


async def live_pages(scope: Any, receive: Any, send: Any) -> None:
    """Asks `rights` before any consumer is made. To talk is to place a call, and to listen in is as much."""
    line = next((line for line in _lines if line[0].fullmatch(scope["path"])), None)
    if not await _may(scope["user"], Right.VIEW if line is None else Right.CALL):
        await send({"type": "websocket.close", "code": NOT_ALLOWED})
    elif line is None:
        await _pages(scope, receive, send)
    else:
        _, action, kind = line
        named = scope["path"].split("/")[3]
        await _record(action, user=scope["user"], object_type=kind, object_id=named, address=address_in(scope))
        await _phones(scope, receive, send)
