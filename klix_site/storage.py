"""Static files under hashed names, so that browsers may keep them for ever, and a page's scripts in one file."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.core.files.base import ContentFile, File
from whitenoise.storage import CompressedManifestStaticFilesStorage

from klix_site.script_bundle import bundle

# The module that a page asks for; all that it imports comes with it.
ENTRIES: Final = ("klix/site.js", "klix/call.js", "klix/run.js", "klix/talk.js", "klix/operator.js")


class Bundles:
    """Stands in for where an entry was found: opening it gives the entry with all that it imports."""

    def __init__(self, found: Mapping[str, tuple[Any, str]]) -> None:
        self._found = found

    def open(self, name: str) -> File:  # type: ignore[type-arg]  # ContentFile is generic in the stubs only
        return ContentFile(bundle(name, self._read).encode(), name)

    def _read(self, name: str) -> str:
        storage, path = self._found[name]
        with storage.open(path) as file:
            text: str = file.read().decode()
            return text


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise ships no types
    """Each entry's hashed file holds its modules."""

    def post_process(self, paths: dict[str, tuple[Any, str]], *args: Any, **options: Any) -> Iterator[Any]:
        bundles = Bundles(dict(paths))
        built: dict[str, tuple[Any, str]] = {entry: (bundles, entry) for entry in ENTRIES if entry in paths}
        yield from super().post_process({**paths, **built}, *args, **options)
