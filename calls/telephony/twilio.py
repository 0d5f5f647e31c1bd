"""Twilio's REST interface for calls, or the sandbox's: the same client, another base URL. Blocking; no Django."""

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

import requests
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
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
    "10004": "Too many calls at once for this account: wait for some to end, or set KLIX_LINES.",
    "20429": "Too many requests a second for this account: lower KLIX_CALLS_PER_SECOND.",
    "21201": "Write the number to call in E.164 form, for example +14155550123.",
    "21210": "YOUR_TWILIO_NUMBER is not a number of this account: buy it, or verify it as a caller id.",
    "21213": "Set YOUR_TWILIO_NUMBER to a number of this account.",
    "21214": "This number cannot be reached: check it.",
    "21216": "The account is not allowed to call this number.",
    "21217": "Write the number to call in E.164 form, for example +14155550123.",
    "21220": "The call is not in progress any more.",
    "21502": "PUBLIC_BASE_URL must be an address that the exchange can reach.",
    "21609": "PUBLIC_BASE_URL must be an address that the exchange can reach.",
    "20005": "The account is suspended: see the Twilio console.",
    "11200": "The application must answer its voice URL with HTTP 200 and TwiML: see its log.",
    "11205": "Start the application, or correct its address.",
    "12100": "The application must answer with TwiML: see its log.",
    "12200": "The application must answer with TwiML: see its log.",
    "12300": "The application must answer with TwiML, as text/xml.",
    "13224": "Check the number: nobody can be reached at it.",
    "31920": "Start the media stream's server, or correct its address.",
    "20008": "These are test credentials, which place no calls: use the live ones.",
}


# The account has no room just now: the same request may be sent again later, for it was not carried out.
BUSY_CODES = frozenset({"10004", "20429", "429"})
# To end or redirect a call that is over.
OVER_CODE = "21220"
NOT_FOUND_CODE = "20404"
# What Twilio's client raises; ValueError: an answer that is no JSON.
ERRORS = (TwilioException, requests.RequestException, ValueError)
# The list of calls is newest first, but not to the second: so many old ones in a row end it.
LOOK_BACK = 50


@dataclass(frozen=True, slots=True)
class RemoteCall:
    status: str
    duration_s: int | None
    sid: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteNumber:
    sid: str
    phone_number: str
    voice_url: str


@dataclass(frozen=True, slots=True)
class Detection:
    """Asks whether a person or a machine answers, without holding the call up: the answer comes to `url` later."""

    url: str


class _Http(TwilioHttpClient):  # type: ignore[misc]  # Twilio ships no types
    """Adds the parameters of one request that Twilio's client does not know: those of the sandbox."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout=timeout_s, max_retries=0)
        self.extension: ContextVar[Mapping[str, str]] = ContextVar("extension", default=MappingProxyType({}))

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *more: Any, **named: Any) -> Any:
        if extension := self.extension.get():
            data = {**(data or {}), **extension}
        return super().request(method, url, params, data, *more, **named)


class Telephony:
    """One account at the exchange. Cheap to keep, not cheap to make (a connection pool)."""

    def __init__(self, account_sid: str, auth_token: str, *, base_url: str = "", timeout_s: float = 10.0) -> None:
        self._http = _Http(timeout_s)
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._client = Client(account_sid, auth_token, http_client=self._http)
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
        detection: Detection | None = None,
        extension: Mapping[str, str] | None = None,
    ) -> str:
        """Dial; returns the CallSid. Never tried again here: it would dial twice.

        `extension`: parameters that only the sandbox knows (docs/sandbox.md); Twilio must not be sent any.
        """
        options: dict[str, str] = {"send_digits": send_digits} if send_digits else {}
        if detection is not None:
            options |= {
                "machine_detection": "DetectMessageEnd",
                "async_amd": "true",
                "async_amd_status_callback": detection.url,
            }
        extended = self._http.extension.set(extension or {})
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
        except ERRORS as error:
            raise _translated(error, placing=True) from error
        finally:
            self._http.extension.reset(extended)
        if not call.sid:
            raise _translated(ValueError("no sid"), placing=True)
        return str(call.sid)

    def calls_since(self, since: datetime, *, to: str, from_: str) -> list[RemoteCall]:
        """The calls that were placed by REST between two numbers and made since then, newest first."""
        found, old = [], 0
        try:
            for call in self._client.calls.stream(to=to, from_=from_, page_size=LOOK_BACK):
                is_old = call.date_created is not None and call.date_created < since
                old = old + 1 if is_old else 0
                if old >= LOOK_BACK:
                    break
                if not is_old and call.direction == "outbound-api":
                    found.append(_remote(call))
        except ERRORS as error:
            raise _translated(error) from error
        return found

    def redirect(self, call_sid: str, document: str) -> None:
        """The call stops what it does, its media stream included, and performs this TwiML."""
        try:
            self._client.calls(call_sid).update(twiml=document)
        except ERRORS as error:
            raise _translated(error) from error

    def recording(self, recording_sid: str, *, max_bytes: int) -> bytes:
        """A finished recording as WAV, with the channels it was made with."""
        path = f"/2010-04-01/Accounts/{self._account_sid}/Recordings/{recording_sid}.wav"
        url = f"{self._client.api.base_url}{path}"
        try:
            channels = int(self._client.recordings(recording_sid).fetch().channels or 1)
            with requests.get(
                url,
                params={"RequestedChannels": str(channels)},
                auth=(self._account_sid, self._auth_token),
                timeout=self._http.timeout,
                stream=True,
            ) as answer:
                answer.raise_for_status()
                return _at_most(answer, max_bytes)
        except ERRORS as error:
            raise _translated(error) from error

    # --- The account --------------------------------------------------------------------------------------------------
    def account_status(self) -> str:
        """As Twilio words it: active, suspended, closed. Raises for wrong credentials."""
        try:
            return str(self._client.api.accounts(self._account_sid).fetch().status)
        except ERRORS as error:
            raise _translated(error) from error

    def number(self, phone_number: str) -> RemoteNumber | None:
        """One of the account's own numbers; None if it is not one of them."""
        try:
            found = self._client.incoming_phone_numbers.list(phone_number=phone_number, limit=20)
        except ERRORS as error:
            raise _translated(error) from error
        own = [each for each in found if each.phone_number == phone_number]
        return RemoteNumber(str(own[0].sid), phone_number, str(own[0].voice_url or "")) if own else None

    def is_caller_id(self, phone_number: str) -> bool:
        """Whether it is a number of somebody else that the account may call from."""
        try:
            found = self._client.outgoing_caller_ids.list(phone_number=phone_number, limit=20)
        except ERRORS as error:
            raise _translated(error) from error
        return any(each.phone_number == phone_number for each in found)

    def set_voice_url(self, number_sid: str, url: str) -> None:
        try:
            self._client.incoming_phone_numbers(number_sid).update(voice_url=url, voice_method="POST")
        except ERRORS as error:
            raise _translated(error) from error

    def add_number(self, phone_number: str, url: str) -> None:
        """Takes a number for the account. At Twilio that buys it."""
        try:
            self._client.incoming_phone_numbers.create(phone_number=phone_number, voice_url=url)
        except ERRORS as error:
            raise _translated(error) from error

    def hang_up(self, call_sid: str, *, was_answered: bool = True) -> None:
        """Ends the call, also one that is answered while we say otherwise: "canceled" leaves such a call alone."""
        try:
            call = self._client.calls(call_sid).update(status="completed" if was_answered else "canceled")
            if not was_answered and call.status == "in-progress":
                self._client.calls(call_sid).update(status="completed")
        except ERRORS as error:
            raise _translated(error) from error

    def fetch(self, call_sid: str) -> RemoteCall | None:
        """The call as the exchange knows it; None if it does not."""
        try:
            call = self._client.calls(call_sid).fetch()
        except ERRORS as error:
            if isinstance(error, TwilioRestException | TwilioServiceException) and error.status == 404:
                return None
            raise _translated(error) from error
        return _remote(call)


def with_advice(said: object, code: str) -> str:
    """What the exchange said, which may end without a full stop, and what to do."""
    told = str(said or "").strip()
    whole = told if not told or told.endswith((".", "!", "?")) else f"{told}."
    return f"{whole} {ADVICE.get(code, '')}".strip()


def _at_most(answer: requests.Response, max_bytes: int) -> bytes:
    body = bytearray()
    for piece in answer.iter_content(1 << 16):
        body += piece
        if len(body) > max_bytes:
            raise TelephonyError(f"The recording is larger than {max_bytes >> 20} MB (KLIX_IMPORT_MAX_MB).")
    return bytes(body)


def _remote(call: Any) -> RemoteCall:
    duration_s = int(call.duration) if call.duration else None
    return RemoteCall(str(call.status), duration_s, str(call.sid), call.date_created)


def _translated(error: Exception, *, placing: bool = False) -> TelephonyError:
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code = str(error.code or error.status)
        said = error.msg if isinstance(error, TwilioRestException) else error.detail or error.title
        return TelephonyError(with_advice(said, code), code=code, is_unclear=placing and error.status >= 500)
    if isinstance(error, requests.ConnectionError) and not isinstance(error, requests.ReadTimeout):
        # No connection, no call; one that broke after the request was sent may have placed it.
        refused = isinstance(error, requests.ConnectTimeout) or "refused" in str(error).lower()
        return TelephonyError("The exchange cannot be reached.", code="unreachable", is_unclear=placing and not refused)
    if isinstance(error, requests.RequestException):
        return TelephonyError("The exchange did not answer in time.", code="timeout", is_unclear=placing)
    what = type(error).__name__
    return TelephonyError(
        f"The exchange gave an answer that cannot be read ({what}).", code="malformed", is_unclear=placing
    )
