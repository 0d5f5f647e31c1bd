"""The ASGI application: pages and REST over HTTP, media streams and live pages over websockets."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
http = get_asgi_application()

# Imported once Django is set up: they load models.
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from calls.media_consumer import media_stream  # noqa: E402
from klix_site.routing import live_pages  # noqa: E402
from klix_site.warm_up import warm_up  # noqa: E402

warm_up.start()

# A browser brings its session along to any address: only our own pages may open the live sockets.
live = AllowedHostsOriginValidator(AuthMiddlewareStack(live_pages))
media: Any = media_stream  # an ASGI application: django-stubs knows only views as what a route leads to
websocket = URLRouter([path("ws", media), re_path(r"^live/", live)])
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
