"""Which options a provider gets: the site's settings for its capability, under what the agent itself sets."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

Options = dict[str, Any]
SITE_ONLY: Final = frozenset({"allow_private_webhooks"})

# (role, provider) → the capability whose settings it takes. Others work without a server.
CAPABILITIES: Final = {
    ("ears", "openai"): "stt",
    ("ears", "openai-live"): "stt_live",
    ("voice", "openai"): "tts",
    ("voice", "openai-realtime"): "realtime",
    ("brain", "responses"): "chat",
    ("brain", "chat"): "chat",
    ("brain", "assistants"): "chat",
    ("brain", "realtime"): "realtime",
    ("translation", "openai"): "translation",
    ("judge", "openai"): "judge",
}


def provider_options(role: str, name: str, own: Mapping[str, Any] | None = None) -> Options:
    """For the `options` of a setup. `role`: ears, voice, brain, translation, judge. `name`: "openai" or "openai:marin".

    What an agent sets wins. But the site's key is not sent to an address that the agent chose, and what only the site
    may decide is not taken from the agent.
    """
    wanted = {key: value for key, value in (own or {}).items() if key not in SITE_ONLY}
    capability = CAPABILITIES.get((role, name.partition(":")[0]))
    if capability is None:
        return wanted
    site = {key: value for key, value in settings.SERVED[capability].items() if value}
    if (wanted.get("base_url") or "").strip().rstrip("/") not in ("", site["base_url"].rstrip("/")):
        site.pop("api_key", None)
    merged = {**site, **{key: value for key, value in wanted.items() if value not in ("", None)}}
    if role == "brain":
        merged["allow_private_webhooks"] = settings.ALLOW_PRIVATE_WEBHOOKS
    return merged
