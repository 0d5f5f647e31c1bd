"""What must be there before the processes start: tables, static files, the demo. What is done already is quick."""

import hashlib
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.checks import Tags
from django.core.checks.registry import registry
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor


def prepare() -> None:
    check()
    migrate()
    collect_static_files(settings.VAR_DIR / "static.stamp")
    call_command("load_demo", stdout=StringIO())
    # The processes are forked from this one: no connection may be shared.
    connections.close_all()


def check() -> None:
    """Errors are raised and warnings printed; that all is well need not be said.

    Not the URLs: they are code, which no setting changes, and to load every view takes as long as all else here.
    """
    call_command("check", tags=sorted(registry.tags_available() - {Tags.urls}), stdout=StringIO())


def migrate() -> bool:
    """Apply what is new; whether anything was. With nothing new, `migrate` would still go through all permissions."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False
    call_command("migrate", verbosity=0, interactive=False)
    return True


def collect_static_files(stamp: Path) -> bool:
    """Collect if any static file changed since `stamp` was written; whether it did."""
    now = fingerprint()
    if settings.STATIC_ROOT.exists() and stamp.exists() and stamp.read_text() == now:
        return False
    call_command("collectstatic", verbosity=0, interactive=False, clear=settings.STATIC_ROOT.exists())
    stamp.write_text(now)
    return True


def fingerprint() -> str:
    """A hash over the names, sizes and times of all static files."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list(None):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
