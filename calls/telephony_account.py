"""The account at the exchange that the settings name."""

from functools import lru_cache

from django.conf import settings

from calls.telephony.twilio import Telephony


@lru_cache(maxsize=4)
def _telephony(account_sid: str, auth_token: str, base_url: str, timeout_s: float) -> Telephony:
    return Telephony(account_sid, auth_token, base_url=base_url, timeout_s=timeout_s)


def telephony() -> Telephony:
    return _telephony(
        settings.TWILIO_ACCOUNT_SID,
        settings.TWILIO_AUTH_TOKEN,
        settings.TWILIO_API_BASE_URL,
        settings.TWILIO_TIMEOUT_S,
    )


def callback_url(path: str) -> str:
    """A path of ours as the exchange reaches it, and signs it."""
    return f"{settings.CALLBACK_BASE_URL}{path}"


def stream_url() -> str:
    """The media stream's address: no query string, Twilio takes none."""
    return f"{settings.CALLBACK_BASE_URL.replace('http', 'ws', 1)}/ws"
