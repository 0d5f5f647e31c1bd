"""Static files under hashed names, so that browsers may keep them for ever."""

from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise ships no types
    """Also rewrites the imports of our own ES modules. `support_js_module_import_aggregation` would do so for every
    script, and breaks on those of django-htmx, which name files that are not there."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        ("klix/*.js", HashedFilesMixin._js_module_import_aggregation_patterns[1]),  # type: ignore[attr-defined]
    )
