"""What the OpenAI client and its websockets raise, as `agents.errors`.

Messages hold no key, no transcript and no address.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import httpx2
import openai
from pydantic import ValidationError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from agents.errors import (
    CutShort,
    Malformed,
    Misconfigured,
    Overloaded,
    ProviderError,
    QuotaExhausted,
    Refused,
    TimedOut,
    Unreachable,
)

QUOTA_CODES: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
BUSY_CODES: Final = frozenset({"rate_limit_exceeded", "server_error", "server_is_overloaded", "slow_down"})
BUSY_STATUSES: Final = frozenset({408, 409, 425, 429})
CONFIGURED: Final = {
    401: "does not accept the API key. Check the key of this capability.",
    403: "does not allow this key to use the model or interface. Check the key's project and permissions.",
    404: "knows no such model or interface. Check the model name and the base URL; the model may have been shut down.",
}


@contextmanager
def translated(provider: str) -> Iterator[None]:
    """Turns every error of the client library into a ProviderError that says what to do."""
    try:
        yield
    except ProviderError:
        raise
    except asyncio.CancelledError:
        raise
    except (openai.OpenAIError, httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise of_client(error, provider) from error
    except (InvalidHandshake, ConnectionClosed) as error:
        raise of_websocket(error, provider) from error
    except (json.JSONDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise Malformed(f"{provider} sent an answer that cannot be read.", provider=provider) from error
    except TimeoutError as error:
        raise TimedOut(f"{provider} gave no answer in time.", provider=provider) from error
    except OSError as error:
        raise Unreachable(f"{provider} cannot be reached. Is the base URL right?", provider=provider) from error


def of_client(error: Exception, provider: str) -> ProviderError:
    match error:
        case openai.APITimeoutError() | httpx2.TimeoutException():
            return TimedOut(f"{provider} gave no answer in time.", provider=provider)
        case openai.APIConnectionError() if isinstance(error.__cause__, httpx2.RemoteProtocolError | httpx2.ReadError):
            return Unreachable(f"The connection to {provider} broke.", provider=provider)
        case openai.APIConnectionError() | httpx2.HTTPError():
            return Unreachable(f"{provider} cannot be reached. Is the base URL right?", provider=provider)
        case openai.APIStatusError():
            retry_after_s = _retry_after_s(error.response.headers)
            return of_status(error.status_code, error.code, provider, retry_after_s)
        case openai.LengthFinishReasonError():
            return CutShort(f"{provider} ran into its token limit. Raise max_output_tokens.", provider=provider)
        case openai.ContentFilterFinishReasonError():
            return Refused(f"{provider} withheld its answer (content filter).", provider=provider)
        case openai.APIResponseValidationError():
            return Malformed(f"{provider} sent an answer that cannot be read.", provider=provider)
        case openai.APIError():
            return of_code(error.code, provider)
    return Misconfigured(f"The client of {provider} cannot work as configured.", provider=provider)


def of_status(status: int, code: str | None, provider: str, retry_after_s: float | None = None) -> ProviderError:
    if code in QUOTA_CODES:
        return QuotaExhausted(
            f"{provider}: the account of this key has no credit left. Top it up or use another key.", provider=provider
        )
    if status in BUSY_STATUSES or status >= 500:
        return Overloaded(f"{provider} is overloaded ({status}).", provider=provider, retry_after_s=retry_after_s)
    if status in CONFIGURED:
        return Misconfigured(f"{provider} {CONFIGURED[status]}", provider=provider)
    reason = f" ({code})" if code else ""
    return Misconfigured(
        f"{provider} refuses the request{reason}: a setting does not fit the model.", provider=provider
    )


def of_code(code: object, provider: str) -> ProviderError:
    """An error that came inside a stream or over a websocket, where no HTTP status is."""
    if code in QUOTA_CODES:
        return of_status(429, str(code), provider)
    if code in BUSY_CODES:
        return Overloaded(f"{provider} is overloaded.", provider=provider)
    if code in ("session_expired",):
        return CutShort(f"{provider} ended the session: it has a time limit.", provider=provider)
    return CutShort(f"{provider} broke its answer off with an error.", provider=provider)


def of_websocket(error: Exception, provider: str) -> ProviderError:
    if isinstance(error, InvalidStatus):
        retry_after_s = _retry_after_s(error.response.headers)
        return of_status(error.response.status_code, _code(error.response.body), provider, retry_after_s)
    if isinstance(error, ConnectionClosed):
        return CutShort(f"{provider} closed the connection.", provider=provider)
    return Unreachable(f"{provider} does not answer as a websocket. Is the base URL right?", provider=provider)


def _code(body: bytes | None) -> str | None:
    try:
        code = json.loads(body or b"{}")["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return code if isinstance(code, str) else None


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    for name, per_second in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) / per_second)
        except ValueError:
            continue
    return None
