"""All settings of Klix, read once from the environment (and `.env`).

Every name is documented in `docs/settings.md`; a test compares the two. `klix_site/checks.py` says at start what does
not fit together, with an id and a hint.
"""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from celery.schedules import crontab, schedule

from klix_site.environment import decimal, env, flag, host_of, kept_secret, number, rate, text, words

# onnxruntime reports home from its import on unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = Path(os.environ.get("KLIX_ENV_FILE", BASE_DIR / ".env"))
if ENV_FILE.exists():
    env.read_env(str(ENV_FILE))

# --- Where things are -------------------------------------------------------------------------------------------------
VAR_DIR = Path(text("KLIX_VAR_DIR", str(BASE_DIR / "var")))
RECORDINGS_DIR = VAR_DIR / "recordings"
PORT = number("KLIX_PORT", 8765)
PUBLIC_BASE_URL = text("PUBLIC_BASE_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
PRODUCTION = flag("KLIX_PRODUCTION", False)

SECRET_KEY_IS_OURS = not text("DJANGO_SECRET_KEY")
SECRET_KEY = kept_secret("DJANGO_SECRET_KEY", VAR_DIR / "secret_key", lambda: secrets.token_urlsafe(50))
DEBUG = flag("DJANGO_DEBUG", False)
PUBLIC_HOST = host_of(PUBLIC_BASE_URL) or "localhost"
ALLOWED_HOSTS = sorted({"127.0.0.1", "localhost", "[::1]", PUBLIC_HOST, *words("DJANGO_ALLOWED_HOSTS")})
CSRF_TRUSTED_ORIGINS = [PUBLIC_BASE_URL]

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    # Its pages are found when the URLs are (urls.py): only the web process has use for them.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "klix_site.static_apps.StaticFilesOfPages",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "csp",
    "agents",
    "calls",
    "evaluations",
    "klix_site",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "klix_site.audit.AuditMiddleware",
    "klix_site.rights.RightsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
AUTHENTICATION_BACKENDS = ["klix_site.sessions.RoleBackend"]
ROOT_URLCONF = "klix_site.urls"
ASGI_APPLICATION = "klix_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database ---------------------------------------------------------------------------------------------------------
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'klix.sqlite3'}"),
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # Several processes write: WAL lets readers go on, IMMEDIATE takes the write lock at once instead of failing midway.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = number("DATABASE_CONN_MAX_AGE", 60)
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Redis, channel layer, tasks --------------------------------------------------------------------------------------
REDIS_PORT = number("KLIX_REDIS_PORT", 8767)
BUNDLED_REDIS = not text("REDIS_URL")
REDIS_URL = text("REDIS_URL", f"redis://127.0.0.1:{REDIS_PORT}/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "klix"},
    },
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # A page or a readiness question waits no longer than this for a server that does not answer.
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    },
}
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
CELERY_BEAT_SCHEDULE = {
    "sweep-calls": {"task": "calls.sweep_calls", "schedule": schedule(run_every=10.0)},
    # A tick that waited behind longer work is dropped: the next one does as much.
    "dial-waiting-calls": {
        "task": "calls.dial_waiting_calls",
        "schedule": schedule(run_every=1.0),
        "options": {"expires": 1},
    },
    "sweep-evaluations": {"task": "evaluations.sweep_evaluations", "schedule": schedule(run_every=10.0)},
    "sweep-requests": {"task": "klix_site.sweep_requests", "schedule": schedule(run_every=10.0)},
    "sweep-webhooks": {"task": "klix_site.sweep_webhooks", "schedule": schedule(run_every=10.0)},
    "tick-runs": {"task": "evaluations.tick_runs", "schedule": schedule(run_every=2.0), "options": {"expires": 10}},
    "tick-schedules": {"task": "evaluations.tick_schedules", "schedule": schedule(run_every=10.0)},
    "delete-old-words": {"task": "klix_site.delete_old_words", "schedule": crontab(hour="3", minute="15")},
    "forget-old-keys": {"task": "klix_site.forget_old_keys", "schedule": crontab(minute="45")},
    "worker-heartbeat": {"task": "klix_site.worker_heartbeat", "schedule": schedule(run_every=5.0)},
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# --- People -----------------------------------------------------------------------------------------------------------
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_BASE_URL.startswith("https://")
if trusted_proxy_header := text("KLIX_PROXY_SSL_HEADER"):
    SECURE_PROXY_SSL_HEADER = (trusted_proxy_header, "https")
# So many reverse proxies of ours write the client's address into X-Forwarded-For.
PROXIES = number("KLIX_PROXIES", 0)
PASSWORD_RESET_TIMEOUT = 3600
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Mail ------------------------------------------------------------------------------------------------------------
# Password resets and alerts. Without a mail server resets go to the log, and alerts are kept with that reason.
HAS_MAIL_SERVER = bool(text("EMAIL_URL"))
EMAIL = env.email_url_config(text("EMAIL_URL", "consolemail://"))
EMAIL_BACKEND = EMAIL["EMAIL_BACKEND"]
EMAIL_HOST, EMAIL_PORT = EMAIL.get("EMAIL_HOST") or "localhost", EMAIL.get("EMAIL_PORT") or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL.get("EMAIL_HOST_USER") or "", EMAIL.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL.get("EMAIL_USE_TLS", False), EMAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("KLIX_EMAIL_FROM", f"klix@{PUBLIC_HOST}")

# --- Pages ------------------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
USE_I18N = False
TIME_ZONE = text("TZ_NAME", "UTC")
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "klix_site.storage.StaticStorage"},
}
# Pages ask for hashed names alone: what nobody asks for need not be compressed.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}

# --- REST API ---------------------------------------------------------------------------------------------------------
# Requests of one token or user, and calls that it places; off: as many as it likes.
API_RATE = rate("KLIX_API_RATE", "1200/minute")
CALL_RATE = rate("KLIX_CALL_RATE", "120/minute")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "klix_site.tokens.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["klix_site.permissions.HasRight"],
    "DEFAULT_THROTTLE_CLASSES": ["klix_site.throttling.PerToken"],
    "DEFAULT_RENDERER_CLASSES": ["klix_site.renderers.FreeingJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "klix_site.api_errors.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Klix",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "Outcome": "evaluations.models.OUTCOMES",
        "RecordingState": "calls.models.Recording.State",
        "EvaluationState": "evaluations.models.Evaluation.State",
        "RunState": "evaluations.run_models.Run.State",
        "DeliveryState": "klix_site.models.Delivery.State",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "klix_site.api_schema.add_errors",
    ],
}

# --- Telephony --------------------------------------------------------------------------------------------------------
TWILIO_ACCOUNT_SID = text("TWILIO_ACCOUNT_SID")
TWILIO_AUTH_TOKEN = text("TWILIO_AUTH_TOKEN")
TELEPHONY = text("KLIX_TELEPHONY", "twilio" if TWILIO_ACCOUNT_SID else "sandbox")
SANDBOX_PORT = number("KLIX_SANDBOX_PORT", 8766)
TWILIO_API_BASE_URL = text("TWILIO_API_BASE_URL")
if TELEPHONY == "sandbox":
    # The exchange on loopback has one account; its secrets are made at first start.
    TWILIO_ACCOUNT_SID = kept_secret("KLIX_SANDBOX_SID", VAR_DIR / "sandbox_sid", lambda: f"AC{secrets.token_hex(16)}")
    TWILIO_AUTH_TOKEN = kept_secret("KLIX_SANDBOX_TOKEN", VAR_DIR / "sandbox_token", lambda: secrets.token_hex(16))
    TWILIO_API_BASE_URL = TWILIO_API_BASE_URL or f"http://127.0.0.1:{SANDBOX_PORT}"
TWILIO_NUMBER = text("YOUR_TWILIO_NUMBER", "+15550100000" if TELEPHONY == "sandbox" else "")
# The exchange calls us back here, and signs exactly these URLs. The sandbox is on this machine whatever the public is.
CALLBACK_BASE_URL = f"http://127.0.0.1:{PORT}" if TELEPHONY == "sandbox" else PUBLIC_BASE_URL
TWILIO_TIMEOUT_S = decimal("TWILIO_TIMEOUT_S", 10.0)
# The pace at which calls are dialled and how many may be on at once; 0: no limit. Twilio's own pace is 1 a second.
CALLS_PER_SECOND = decimal("KLIX_CALLS_PER_SECOND", 1.0 if TELEPHONY == "twilio" else 0.0)
LINES = number("KLIX_LINES", 0)
# Whether the sandbox may call applications on other machines (external agents by voice URL or media stream).
SANDBOX_ALLOW_REMOTE = flag("KLIX_SANDBOX_ALLOW_REMOTE", False)
# Media Streams clients that cannot sign their handshake (test tools), from loopback only; klix.E005 in production.
ALLOW_UNSIGNED_MEDIA = flag("KLIX_ALLOW_UNSIGNED_MEDIA", False)

# --- The call ---------------------------------------------------------------------------------------------------------
MAX_CALL_S = number("KLIX_MAX_CALL_S", 600)
MAX_SILENCE_S = number("KLIX_MAX_SILENCE_S", 30)
RING_TIMEOUT_S = number("KLIX_RING_TIMEOUT_S", 30)
ENDPOINTING_MS = number("KLIX_ENDPOINTING_MS", 600)
BARGE_IN_MS = number("KLIX_BARGE_IN_MS", 96)
# A live call whose web process says nothing for so long is taken for dead and closed by the sweep.
CALL_LEASE_S = number("KLIX_CALL_LEASE_S", 15)
EVALUATION_LEASE_S = number("KLIX_EVALUATION_LEASE_S", 60)
# Recordings and transcripts are deleted so many days after the call; 0: never.
RETENTION_DAYS = number("KLIX_RETENTION_DAYS", 0)
# Finished calls that are brought in: the largest file and the longest call.
IMPORT_MAX_MB = number("KLIX_IMPORT_MAX_MB", 100)
IMPORT_MAX_MINUTES = number("KLIX_IMPORT_MAX_MINUTES", 120)
# Calls of runs at the same time; KLIX_LINES and KLIX_CALLS_PER_SECOND bound all calls together.
RUN_LINES = number("KLIX_RUN_LINES", 4)

# --- Providers --------------------------------------------------------------------------------------------------------
OPENAI_API_KEY = text("OPENAI_API_KEY")
OPENAI_BASE_URL = text("OPENAI_BASE_URL", "https://api.openai.com/v1")
DEFAULT_EARS = text("KLIX_EARS", "moonshine")
DEFAULT_VOICE = text("KLIX_VOICE", "hibari:heart")
DEFAULT_BRAIN = text("KLIX_BRAIN", "responses" if OPENAI_API_KEY else "script")
# They stand in when the first provider of their role fails in the middle of a call; blank: none does.
FALLBACK_EARS = text("KLIX_FALLBACK_EARS")
FALLBACK_VOICE = text("KLIX_FALLBACK_VOICE")
FALLBACK_BRAIN = text("KLIX_FALLBACK_BRAIN")
# The longest that a caller waits for one step of a provider: first text, next words, first sound.
PROVIDER_TIMEOUT_S = decimal("KLIX_PROVIDER_TIMEOUT_S", 8.0)
# Each turn is translated into this language while the call goes on (BCP 47: de, pt-BR); blank: not at all.
TRANSLATE_TO = text("KLIX_TRANSLATE_TO")
# "openai": a chat model; "openai-audio": /audio/translations into English, where a server has it.
TRANSLATOR = text("KLIX_TRANSLATOR", "openai")
JUDGE_MODEL = text("KLIX_JUDGE_MODEL")
# Ears that listen to the agent's audio once more after each call (the figure Speaking); blank: none.
MEASURE_EARS = text("KLIX_MEASURE_EARS")


def served(base_url: str, api_key: str, model: str) -> dict[str, str]:
    """Where one capability is served. The key of OpenAI goes nowhere else: a base URL of its own needs its own key."""
    key = api_key or ("" if base_url else OPENAI_API_KEY)
    return {"base_url": base_url or OPENAI_BASE_URL, "api_key": key, "model": model}


# Blank: the provider's own default model.
SERVED = {
    "stt": served(text("KLIX_STT_BASE_URL"), text("KLIX_STT_API_KEY"), text("KLIX_STT_MODEL")),
    "stt_live": served(text("KLIX_STT_LIVE_BASE_URL"), text("KLIX_STT_LIVE_API_KEY"), text("KLIX_STT_LIVE_MODEL")),
    "chat": served(text("KLIX_CHAT_BASE_URL"), text("KLIX_CHAT_API_KEY"), text("KLIX_CHAT_MODEL")),
    "tts": served(text("KLIX_TTS_BASE_URL"), text("KLIX_TTS_API_KEY"), text("KLIX_TTS_MODEL")),
    "realtime": served(text("KLIX_REALTIME_BASE_URL"), text("KLIX_REALTIME_API_KEY"), text("KLIX_REALTIME_MODEL")),
    "translation": {
        **served(text("KLIX_TRANSLATION_BASE_URL"), text("KLIX_TRANSLATION_API_KEY"), text("KLIX_TRANSLATION_MODEL")),
        "speech_model": text("KLIX_TRANSLATION_SPEECH_MODEL"),
    },
    "judge": served(text("KLIX_JUDGE_BASE_URL"), text("KLIX_JUDGE_API_KEY"), JUDGE_MODEL.removeprefix("openai:")),
}
# Webhooks and the functions of an agent may reach addresses inside this network.
ALLOW_PRIVATE_WEBHOOKS = flag("KLIX_ALLOW_PRIVATE_WEBHOOKS", False)
# {"model": {"input": …, "cached_input": …, "output": …, "audio_minute": …, "characters": …}}: for a million tokens or
# characters, or a minute. A model without prices costs "unknown", not nothing.
PRICES: dict[str, dict[str, float]] = json.loads(text("KLIX_PRICES", "{}"))

# --- Log --------------------------------------------------------------------------------------------------------------
LOG_LEVEL = text("KLIX_LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Twilio's client logs every request with its parameters: phone numbers.
        "twilio.http_client": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        # Their lines hold the ids of conversations.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
    },
}
