"""How answers of the REST API are written."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer


class FreeingJSONRenderer(JSONRenderer):
    """JSON, and once it is written nothing holds the answer's data.

    An answer and its context refer to each other. Left so, a list's thousands of values would wait for the garbage
    collector, whose rounds stop the calls that this process holds.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> Any:
        written = super().render(data, accepted_media_type, renderer_context)
        if isinstance(renderer_context, dict):
            renderer_context.clear()
        return written
