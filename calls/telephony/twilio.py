"""Twilio's REST interface for calls, or the sandbox's: the same client, another base URL. Blocking; no Django."""

from dataclasses import dataclass

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class TelephonyError(Exception):
    """The exchange refused, or could not be reached.

    `code` is Twilio's where it gave one. `is_unclear`: the request may have been carried out all the same, so it must
    not be sent again before looking.
    """

    def __init__(self, message: str, *, code: str = "", is_unclear: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.is_unclear = is_unclear


# What to do, for the codes that people meet first; https://www.twilio.com/docs/api/errors has all of them.
ADVICE = {
    "20003": "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
    "20404": "The exchange does not know this call any more.",
    "21211": "Write the number to call in E.164 form, for example +14155550123.",
    "21212": "YOUR_TWILIO_NUMBER is not a number that this account may call from.",
    "21219": "A trial account may call verified numbers only: verify the number or upgrade the account.",
    "21205": "PUBLIC_BASE_URL must be an address that the exchange can reach.",
    "21215": "Allow this country in the account's geographic permissions.",
    "10004": "Too many calls at once for this account: wait for some to end.",
}


@dataclass(frozen=True, slots=True)
class RemoteCall:
    status: str
    duration_s: int | None


class Telephony:
    """One account at the exchange. Cheap to keep, not cheap to make (a connection pool)."""

    def __init__(self, account_sid: str, auth_token: str, *, base_url: str = "", timeout_s: float = 10.0) -> None:
        http = TwilioHttpClient(timeout=timeout_s, max_retries=0)
        self._client = Client(account_sid, auth_token, http_client=http)
        if base_url:
            self._client.api.base_url = base_url

    def place(
        self,
        *,
        to: str,
        from_: str,
        url: str,
        status_callback: str,
        ring_timeout_s: int,
        time_limit_s: int,
        send_digits: str | None = None,
    ) -> str:
        """Dial; returns the CallSid. Never tried again here: it would dial twice."""
        options = {"send_digits": send_digits} if send_digits else {}
        try:
            call = self._client.calls.create(
                to=to,
                from_=from_,
                url=url,
                status_callback=status_callback,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=ring_timeout_s,
                time_limit=time_limit_s,
                **options,
            )
        except (TwilioException, requests.RequestException) as error:
            raise _translated(error, placing=True) from error
        return str(call.sid)

    def hang_up(self, call_sid: str, *, was_answered: bool = True) -> None:
        try:
            self._client.calls(call_sid).update(status="completed" if was_answered else "canceled")
        except (TwilioException, requests.RequestException) as error:
            raise _translated(error) from error

    def fetch(self, call_sid: str) -> RemoteCall | None:
        """The call as the exchange knows it; None if it does not."""
        try:
            call = self._client.calls(call_sid).fetch()
        except (TwilioException, requests.RequestException) as error:
            if isinstance(error, TwilioRestException) and error.status == 404:
                return None
            raise _translated(error) from error
        return RemoteCall(str(call.status), int(call.duration) if call.duration else None)


def _translated(error: Exception, *, placing: bool = False) -> TelephonyError:
    if isinstance(error, TwilioRestException):
        code = str(error.code or error.status)
        advice = ADVICE.get(code, "")
        return TelephonyError(f"{error.msg} {advice}".strip(), code=code, is_unclear=placing and error.status >= 500)
    if isinstance(error, requests.ConnectionError) and not isinstance(error, requests.ReadTimeout):
        # No connection, no call; one that broke after the request was sent may have placed it.
        refused = isinstance(error, requests.ConnectTimeout) or "refused" in str(error).lower()
        return TelephonyError("The exchange cannot be reached.", code="unreachable", is_unclear=placing and not refused)
    if isinstance(error, requests.RequestException):
        return TelephonyError("The exchange did not answer in time.", code="timeout", is_unclear=placing)
    return TelephonyError(
        f"The exchange gave an answer that cannot be read ({type(error).__name__}).", code="malformed"
    )
