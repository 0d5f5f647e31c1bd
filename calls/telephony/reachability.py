"""Whether an exchange on the internet reaches us: asked from here, over the public address. No Django.

Each probe gives a sentence on what is wrong, or "". A request to the webhook without a signature must be refused in
Klix's own words, a signed one answered with TwiML, and a signed websocket handshake accepted.
"""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from calls.telephony import signature

PROBE_TIMEOUT_S: Final = 10.0
REFUSAL: Final = "The signature is missing"
# A call that nobody made to a number that nobody has: it is rejected and leaves no trace.
PROBE: Final = {"CallSid": "CA" + "0" * 32, "From": "+15005550006", "To": "+15005550001", "CallStatus": "ringing"}
_TUNNELS: Final = (502, 503, 504, 521, 522, 523, 530)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: str
    location: str = ""


async def webhook_problem(base_url: str, path: str, token: str) -> str:
    """What keeps signed webhooks from `base_url + path`; "" if nothing does."""
    url = base_url + path
    try:
        unsigned = await _post(url, {})
        if problem := _refusal_problem(unsigned, base_url):
            return problem
        signed = await _post(url, {signature.HEADER: signature.sign(token, url, PROBE)})
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return connection_problem(error, base_url)
    if signed.status == 403:
        return (
            "A signed request is refused: the running server has another PUBLIC_BASE_URL or TWILIO_AUTH_TOKEN than "
            "this command, or a proxy changes the path. Restart Klix after changing .env."
        )
    if signed.status != 200 or "<Response" not in signed.body:
        return f"A signed request is answered with HTTP {signed.status} instead of TwiML: see the server's log."
    return ""


async def stream_problem(url: str, token: str) -> str:
    """What keeps media streams from `url` (wss://…/ws); "" if nothing does."""
    headers = {signature.HEADER.lower(): signature.sign(token, url)}
    try:
        async with aiohttp.ClientSession(timeout=_timeout()) as session, session.ws_connect(url, headers=headers):
            return ""
    except aiohttp.WSServerHandshakeError as error:
        if error.status in (403, 401):
            return (
                "The signed handshake is refused: a proxy changes host or path of websockets, or the token is another."
            )
        return f"The handshake is answered with HTTP {error.status}: the proxy does not pass websockets on (Upgrade)."
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return connection_problem(error, url)


def connection_problem(error: Exception, url: str) -> str:
    host = urlsplit(url).hostname or url
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError() | ssl.SSLError():
            return f"The certificate of {host} is not valid: Twilio refuses it. Use one of a public authority."
        case aiohttp.ClientConnectorDNSError():
            return f"PUBLIC_BASE_URL: the name {host} does not exist (DNS). Is the tunnel's address an old one?"
        case aiohttp.ClientConnectorError():
            return f"PUBLIC_BASE_URL: nothing listens at {host}. Is the proxy or tunnel running?"
        case TimeoutError():
            return f"PUBLIC_BASE_URL: {host} does not answer in {PROBE_TIMEOUT_S:g} s: {_silence(url)}."
    return f"PUBLIC_BASE_URL: {host} gives an answer that is not HTTP ({type(error).__name__})."


def _silence(url: str) -> str:
    likely = "a firewall, or another machine"
    is_secure = urlsplit(url).scheme in ("https", "wss")
    return f"{likely}, or what listens there speaks plain http, not https" if is_secure else likely


def _refusal_problem(reply: Reply, base_url: str) -> str:
    if reply.status == 403 and REFUSAL in reply.body:
        return ""
    if reply.status in (301, 302, 307, 308):
        return f"PUBLIC_BASE_URL redirects to {reply.location}: Twilio does not follow. Set it to where that leads."
    if reply.status in _TUNNELS:
        return f"The proxy or tunnel answers HTTP {reply.status}: it does not reach Klix. Check the port it passes to."
    if reply.status == 401:
        return "Something before Klix asks for a password (HTTP 401): let /twilio/ and /ws through without one."
    return (
        f"{base_url} is not this Klix: its webhook answers HTTP {reply.status}. PUBLIC_BASE_URL must be the address "
        "that leads here, and nothing before Klix may answer for it (a tunnel's warning page, another site)."
    )


async def _post(url: str, headers: dict[str, str]) -> Reply:
    async with aiohttp.ClientSession(timeout=_timeout()) as session:
        request = session.post(url, data=PROBE, headers=headers, allow_redirects=False)
        async with request as response:
            body = (await response.content.read(65536)).decode("utf-8", "replace")
            return Reply(response.status, body, response.headers.get("Location", ""))


def _timeout() -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=PROBE_TIMEOUT_S)


def problems(base_url: str, path: str, stream_url: str, token: str) -> tuple[str, str]:
    """Of the webhook and of the media stream. Blocking."""

    async def both() -> tuple[str, str]:
        return await webhook_problem(base_url, path, token), await stream_problem(stream_url, token)

    return asyncio.run(both())
