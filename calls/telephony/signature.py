"""The signature that Twilio puts on its webhooks and websocket handshakes. Pure.

base64(HMAC-SHA1(auth token, full URL + each POST parameter's name and value, sorted by name)), in `X-Twilio-Signature`.
A JSON body is not signed itself: its SHA-256 is the query parameter `bodySHA256` of the signed URL. A handshake is
signed over the `wss` URL exactly as the TwiML had it, without parameters.

Twilio is inconsistent about the port in the URL that it signs, so a signature over the URL with or without the port
counts, as in Twilio's own validator; unlike that one, this knows `wss`, IPv6 hosts and user names, and a missing
header is False. `https://host` and `https://host/` are one resource and count as one; any other slash matters.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

HEADER: Final = "X-Twilio-Signature"
# A value per name, or several: `dict(request.POST.lists())`.
Parameters = Mapping[str, str] | Mapping[str, Sequence[str]]

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def sign(token: str, url: str, parameters: Parameters | None = None) -> str:
    """The signature of one request. `parameters`: the POST form, None for GET, JSON and handshakes."""
    signed = url + _joined(parameters or {})
    digest = hmac.new(token.encode(), signed.encode("utf-8", "surrogatepass"), hashlib.sha1).digest()
    return base64.b64encode(digest).decode("ascii")


def is_signed(token: str, url: str, signature: str | None, parameters: Parameters | None = None) -> bool:
    """Whether `signature` is Twilio's for a form POST (or a GET, with its query in `url`)."""
    if not signature or not token:
        return False
    given = signature.encode("utf-8", "surrogatepass")
    # No early end: every form is compared, each in constant time.
    matches = [hmac.compare_digest(sign(token, form, parameters).encode(), given) for form in _forms(url)]
    return any(matches)


def is_body_signed(token: str, url: str, signature: str | None, body: bytes) -> bool:
    """Whether `signature` is Twilio's for a JSON POST: the URL's `bodySHA256` must be that of `body`."""
    expected = hashlib.sha256(body).hexdigest()
    given = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[0]
    is_body = hmac.compare_digest(expected.encode(), given.lower().encode("utf-8", "surrogatepass"))
    return is_signed(token, url, signature) and is_body


def is_handshake_signed(token: str, url: str, signature: str | None) -> bool:
    """Whether `signature` is Twilio's for a websocket handshake. `url`: as the TwiML's `<Stream>` had it."""
    return is_signed(token, url, signature)


def url_with_body_hash(url: str, body: bytes) -> str:
    """The URL to sign and to send a JSON `body` to."""
    separator = "&" if urlsplit(url).query else "?"
    return f"{url}{separator}bodySHA256={hashlib.sha256(body).hexdigest()}"


def _joined(parameters: Parameters) -> str:
    parts = []
    for name in sorted(parameters):
        value = parameters[name]
        values = [value] if isinstance(value, str) else sorted(set(value))
        parts += [name + each for each in values]
    return "".join(parts)


def _forms(url: str) -> list[str]:
    """The URLs that stand for `url`: with and without its port, and with "/" for an empty path."""
    scheme, separator, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    host, tail = rest[:end], rest[end:]
    tails = [tail] if tail.startswith("/") and tail != "/" else sorted({tail, tail.removeprefix("/"), _rooted(tail)})
    return [scheme + separator + each + path for each in _hosts(scheme.lower(), host) for path in tails]


def _rooted(tail: str) -> str:
    return tail if tail.startswith("/") else "/" + tail


def _hosts(scheme: str, host: str) -> list[str]:
    name, _, port = host.rpartition(":")
    if name and port.isascii() and port.isdigit():
        return [host, name]
    default = _DEFAULT_PORTS.get(scheme)
    return [host] if default is None else [host, f"{host}:{default}"]
