"""Klix's REST API: requests with a token, retried where that is harmless, errors as text for a person."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import requests

TIMEOUT_S: Final = 30
PATIENCE_S: Final = 60.0  # how long an unreachable server is asked again
PAUSE_S: Final = 2.0


class Refused(Exception):
    """Klix said no. `fields` holds the reasons by field where it named any."""

    def __init__(self, message: str, code: str = "", fields: Mapping[str, list[str]] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.fields = fields or {}


class Unreachable(Exception):
    """Klix did not answer."""


class Client:
    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.sleep = sleep
        self._monotonic = monotonic
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str, **query: str) -> Any:
        return self._ask("GET", f"/api/v1/{path}", params=query)

    def post(self, path: str, body: Any, key: str = "") -> Any:
        """`key`: an Idempotency-Key, with which the same request may be sent again."""
        return self._ask("POST", f"/api/v1/{path}", json=body, headers={"Idempotency-Key": key} if key else {})

    def all(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Every entry of a list, page by page."""
        page = self.get(path, page_size="200", **query)
        while True:
            yield from page["results"]
            if not page["next"]:
                return
            # The server's own idea of its address may not be the one by which we reach it.
            page = self._ask("GET", "/api/v1/" + page["next"].partition("/api/v1/")[2])

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        """All requests here may be repeated: definitions are written by name, runs begin by key."""
        end = self._monotonic() + PATIENCE_S
        while True:
            try:
                # Without redirects: the token goes to no other address.
                answer = self._session.request(
                    method, self.base_url + path, timeout=TIMEOUT_S, allow_redirects=False, **more
                )
            except requests.RequestException as error:
                reason = f"{self.base_url} does not answer ({type(error).__name__})"
            else:
                if answer.status_code not in (502, 503, 504):
                    return _body(answer)
                reason = f"{self.base_url} answered {answer.status_code}"
            if self._monotonic() >= end:
                raise Unreachable(f"{reason}. Is KLIX_URL right, and does Klix run?")
            self.sleep(PAUSE_S)


def _body(answer: requests.Response) -> Any:
    try:
        body = answer.json()
    except ValueError:
        raise Unreachable(f"{answer.url} is no Klix: it answered {answer.status_code} without JSON.") from None
    if answer.ok and answer.status_code < 300:
        return body
    told = body if isinstance(body, dict) else {}
    raise Refused(
        str(told.get("message", f"Status {answer.status_code}.")), str(told.get("code", "")), told.get("fields")
    )
