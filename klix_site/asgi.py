"""The ASGI application: pages and REST over HTTP, media streams and live pages over websockets."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "klix_site.settings")
application = get_asgi_application()
