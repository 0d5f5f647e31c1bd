"""The ASGI application: pages and REST over HTTP, media streams and live pages over websockets."""

import os
from importlib import import_module
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
http = get_asgi_application()
# By name and only now: what it imports loads models, for which Django has to be set up.
application: Any = import_module("klix_site.protocols").by_protocol(http)
