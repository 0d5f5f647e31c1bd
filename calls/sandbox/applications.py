"""The exchange's requests to applications: signed webhooks, status callbacks, sound files. Each answer is bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from calls.sandbox.errors import CallFailed
from calls.sandbox.network import url_fault
from calls.telephony import signature
from calls.telephony.twiml import MAX_DOCUMENT_CHARS

MAX_SOUND_BYTES: Final = 20 * 1024 * 1024
_TWIML_TYPES: Final = ("xml", "html")


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to ask, and with what beside the call's own parameters."""

    url: str
    method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)


class Applications:
    """Raises CallFailed with Twilio's number: 11100 a URL that may not be called, 11200 an answer other than 2xx,
    11205 no answer, 11750 too long, 12300 a wrong content type."""

    def __init__(self, token: str, *, allow_remote: bool, timeout_s: float, main: "Applications | None" = None) -> None:
        """`main`: whose connections these share."""
        self._token = token
        self._main = main
        self.allow_remote = allow_remote
        self.timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Made at first use, inside the running loop. No proxy, no cookies, no limit: each leg has a connection."""
        if self._main is not None:
            return self._main.session
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self.timeout_s),
                trust_env=False,
                headers={"User-Agent": "TwilioProxy/1.1"},
            )
        return self._session

    def signing_with(self, token: str) -> "Applications":
        """The same connections, another account's signature."""
        if token == self._token:
            return self
        return Applications(token, allow_remote=self.allow_remote, timeout_s=self.timeout_s, main=self)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def signature(self, url: str) -> str:
        """For a websocket handshake."""
        return signature.sign(self._token, url)

    async def twiml(self, webhook: Webhook) -> str:
        content_type, body = await self._send(webhook, MAX_DOCUMENT_CHARS)
        if not any(kind in content_type for kind in _TWIML_TYPES):
            raise CallFailed(12300, f"{_place(webhook.url)} answered {content_type!r}; TwiML is text/xml.")
        return body.decode("utf-8", "replace")

    async def notify(self, webhook: Webhook) -> None:
        """A status callback: any 2xx will do."""
        await self._send(webhook, MAX_DOCUMENT_CHARS)

    async def sound(self, url: str) -> bytes:
        _, body = await self._send(Webhook(url, "GET"), MAX_SOUND_BYTES)
        return body

    async def _send(self, webhook: Webhook, limit: int) -> tuple[str, bytes]:
        if fault := url_fault(webhook.url, schemes=("http", "https"), may_be_remote=self.allow_remote):
            raise CallFailed(11100, fault)
        try:
            return await self._exchange(webhook, limit)
        except TimeoutError:
            raise CallFailed(11205, f"{_place(webhook.url)} gave no answer in {self.timeout_s:g} s.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(11205, f"{_place(webhook.url)} is not reachable: {reason_of(error)}.") from error

    async def _exchange(self, webhook: Webhook, limit: int) -> tuple[str, bytes]:
        url, form = webhook.url, dict(webhook.parameters)
        if webhook.method == "GET":
            url, form = _with_query(url, form), {}
        headers = {signature.HEADER: signature.sign(self._token, url, form)}
        data = form if webhook.method == "POST" else None
        # The URL goes out as it was signed: not normalised, not redirected.
        request = self.session.request(
            webhook.method, URL(url, encoded=True), data=data, headers=headers, allow_redirects=False
        )
        async with request as response:
            if response.status // 100 != 2:
                raise CallFailed(11200, f"{_place(webhook.url)} answered HTTP {response.status}.")
            body = await _read(response, limit, webhook.url)
            return response.headers.get("Content-Type", ""), body


async def _read(response: aiohttp.ClientResponse, limit: int, url: str) -> bytes:
    body = b""
    async for chunk in response.content.iter_chunked(65536):
        body += chunk
        if len(body) > limit:
            raise CallFailed(11750, f"{_place(url)} answered more than {limit} bytes.")
    return body


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return url
    return url + ("&" if "?" in url else "?") + urlencode(parameters)


def _place(url: str) -> str:
    """The URL without its query, which may hold secrets."""
    return url.partition("?")[0]


def reason_of(error: Exception) -> str:
    """Why nobody was reached, for a person."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "its certificate is not valid"
        case aiohttp.ClientConnectorDNSError():
            return "there is no such host"
        case aiohttp.ClientConnectorError():
            return "nothing listens there"
        case TimeoutError():
            return "it does not answer in time"
    return type(error).__name__
