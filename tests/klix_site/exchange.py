"""An exchange on loopback that takes calls and does nothing with them: enough to see what the API asks for."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.served import QuietHandler, served


@dataclass
class Exchange:
    """`refusal`: the Twilio error to answer with, as {"status", "code", "message"}."""

    dialled: list[str] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    url: str = ""

    def taken(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        self.dialled.append(form["To"][0])
        if self.refusal:
            return self.refusal["status"], self.refusal
        return 201, {"sid": f"CA{len(self.dialled):032x}", "status": "queued", "to": form["To"][0]}


@contextmanager
def running_exchange() -> Iterator[Exchange]:
    exchange = Exchange()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            assert re.fullmatch(r"/2010-04-01/Accounts/AC[0-9a-f]+/Calls\.json", self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = exchange.taken(form)
            self.answer(status, json.dumps(body).encode(), Content_Type="application/json")

    with served(Handler) as url:
        exchange.url = url
        yield exchange
