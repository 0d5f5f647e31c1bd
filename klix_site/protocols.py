"""Which part of the product answers which protocol: HTTP, the media websocket, the live pages."""

from typing import Any

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import AllowedHostsOriginValidator
from django.urls import path, re_path

from calls.media_consumer import media_stream
from klix_site.routing import live_pages
from klix_site.warm_up import warm_up


def by_protocol(http: Any) -> Any:
    """The whole application, with `http` for what is no websocket. The speech models begin to load."""
    warm_up.start()
    # A browser brings its session along to any address: only our own pages may open the live sockets.
    live = AllowedHostsOriginValidator(AuthMiddlewareStack(live_pages))
    media: Any = media_stream  # an ASGI application: django-stubs knows only views as what a route leads to
    websocket = URLRouter([path("ws", media), re_path(r"^live/", live)])
    return ProtocolTypeRouter({"http": http, "websocket": websocket})
