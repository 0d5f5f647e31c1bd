"""Asking a web address for a criterion: GET, no redirects, a limit on time and size, no address inside this network.

The name is resolved once and the connection goes to the address that was checked: a name that points elsewhere a moment
later cannot lead it astray.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from typing import Final
from urllib.parse import urlsplit

from evaluations.criteria.registry import FetchFailed

MAX_BYTES: Final = 1_000_000
CHUNK: Final = 65_536


class Fetcher:
    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private

    def __call__(self, url: str, timeout_s: float) -> bytes:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        deadline_s = time.monotonic() + timeout_s
        try:
            connection = self._connection(parts.scheme, host, port, timeout_s)
            try:
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("GET", path, headers={"Accept": "application/json", "User-Agent": "Klix"})
                return _body(connection, host, deadline_s)
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise FetchFailed(f"{host} cannot be asked ({type(error).__name__}).") from None

    def _connection(self, scheme: str, host: str, port: int, timeout_s: float) -> http.client.HTTPConnection:
        address = self._address(host, port)
        plain = socket.create_connection((address, port), timeout_s)
        connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
        try:
            is_tls = scheme == "https"
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if is_tls else plain
        except OSError:
            plain.close()
            raise
        return connection

    def _address(self, host: str, port: int) -> str:
        found = [str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        if not self._allow_private and not all(ipaddress.ip_address(address).is_global for address in found):
            raise FetchFailed(
                f"{host} is inside a private network. Set KLIX_ALLOW_PRIVATE_WEBHOOKS to allow such addresses."
            )
        return found[0]


def _body(connection: http.client.HTTPConnection, host: str, deadline_s: float) -> bytes:
    answer = connection.getresponse()
    if answer.status != http.HTTPStatus.OK:
        raise FetchFailed(f"{host} answered with status {answer.status}; 200 is expected.")
    body = b""
    while piece := answer.read1(CHUNK):
        body += piece
        if len(body) > MAX_BYTES:
            raise FetchFailed(f"{host} answered with more than {MAX_BYTES} bytes.")
        if time.monotonic() > deadline_s:
            raise FetchFailed(f"{host} did not finish its answer in time.")
    return body
