"""A folder whose modules register what they hold: it grows by one file. Pure."""

import importlib
import pkgutil


class Folder:
    """The modules of a package, imported at the first `load`.

    It counts as loaded only when all are in: who asks meanwhile from another thread imports them too, and waits for
    each at the interpreter's own lock of that module.
    """

    def __init__(self, package: str) -> None:
        self._package, self._is_loaded = package, False

    def load(self) -> None:
        if self._is_loaded:
            return
        for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._is_loaded = True
