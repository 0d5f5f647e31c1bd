"""A Twilio REST server on loopback whose answers can get lost: what was asked is kept, nothing is called."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.served import QuietHandler, served


@dataclass
class ExchangeDouble:
    calls: list[dict[str, Any]] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    updates: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    refusal: tuple[int, int, str] | None = None  # HTTP status, Twilio's code, message
    swallows_answers: bool = False  # the call is made, and the connection breaks
    garbles_answers: bool = False  # the call is made, and the answer does not name it
    swallows_requests: bool = False  # the connection breaks, and no call is made
    lists: bool = True
    url: str = ""

    @property
    def dialled(self) -> list[str]:
        return [call["to"] for call in self.calls]

    def create(self, form: dict[str, str]) -> tuple[int, dict[str, Any]] | None:
        if self.refusal:
            status, code, message = self.refusal
            return status, {"status": status, "code": code, "message": message}
        if self.swallows_requests:
            return None
        sid = f"CA{len(self.calls) + 1:032x}"
        numbers = {"to": form["To"], "from": form["From"], "direction": "outbound-api"}
        call = {"sid": sid, "status": "ringing", **numbers, "date_created": formatdate()}
        self.calls.append(call)
        self.forms.append(form)
        if self.garbles_answers:
            return 201, {}
        return None if self.swallows_answers else (201, call)

    def update(self, sid: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.updates.append((sid, form))
        return self.fetch(sid)

    def fetch(self, sid: str) -> tuple[int, dict[str, Any]]:
        found = [call for call in self.calls if call["sid"] == sid]
        return (200, found[0]) if found else (404, {"status": 404, "code": 20404, "message": "not found"})

    def index(self, to: str) -> tuple[int, dict[str, Any]]:
        found = [call for call in reversed(self.calls) if call["to"] == to] if self.lists else []
        return 200, {"calls": found, "page": 0, "next_page_uri": None}


@contextmanager
def running_double() -> Iterator[ExchangeDouble]:
    double = ExchangeDouble()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            name = self.path.rpartition("/")[2].removesuffix(".json")
            self._tell(double.create(form) if name == "Calls" else double.update(name, form))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            name = parts.path.rpartition("/")[2].removesuffix(".json")
            self._tell(double.index(parse_qs(parts.query)["To"][0]) if name == "Calls" else double.fetch(name))

        def _tell(self, answer: tuple[int, dict[str, Any]] | None) -> None:
            if answer is None:
                self.close_connection = True
                return
            self.answer(answer[0], json.dumps(answer[1]).encode(), Content_Type="application/json")

    with served(Handler) as url:
        double.url = url
        yield double
