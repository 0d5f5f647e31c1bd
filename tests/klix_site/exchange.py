"""An exchange on loopback that takes calls and does nothing with them: enough to see what the API asks for."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs


@dataclass
class Exchange:
    """`refusal`: the Twilio error to answer with, as {"status", "code", "message"}."""

    dialled: list[str] = field(default_factory=list)
    refusal: dict[str, Any] | None = None
    url: str = ""

    def answer(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        self.dialled.append(form["To"][0])
        if self.refusal:
            return self.refusal["status"], self.refusal
        return 201, {"sid": f"CA{len(self.dialled):032x}", "status": "queued", "to": form["To"][0]}


@contextmanager
def running_exchange() -> Iterator[Exchange]:
    exchange = Exchange()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert re.fullmatch(r"/2010-04-01/Accounts/AC[0-9a-f]+/Calls\.json", self.path)
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            status, body = exchange.answer(form)
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: phone numbers stay out of logs."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        exchange.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield exchange
        finally:
            server.shutdown()
            thread.join()
