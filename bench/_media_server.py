"""The server side of `media_path`: the product's `/ws`, or the same session behind a stock Channels consumer.

Run by media_path in a process of its own, pinned to one core:  python -m bench._media_server CONFIG.json
"""

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

config = json.loads(Path(sys.argv[1]).read_text())
os.sched_setaffinity(0, {config["core"]})
os.environ |= {"DJANGO_SETTINGS_MODULE": "klix_site.settings", "KLIX_ENV_FILE": os.devnull, **config["environment"]}

import django  # noqa: E402

django.setup()

import numpy as np  # noqa: E402
from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connections  # noqa: E402

from agents.models import Agent, AgentVersion  # noqa: E402
from agents.providers.registry import make_activity  # noqa: E402
from calls import media_consumer, session  # noqa: E402
from calls.models import Call, Leg  # noqa: E402
from calls.states import Side, Status  # noqa: E402
from calls.telephony import protocol  # noqa: E402
from calls.tokens import token_hash  # noqa: E402

processed: dict[str, list[tuple[int, float]]] = {}


def note_when_frames_are_processed() -> None:
    """Every frame's time of arrival in the session, after its voice activity was asked for."""
    hear = session.CallSession._hear

    def noted(self: session.CallSession, payload: bytes, timestamp_ms: int) -> None:
        hear(self, payload, timestamp_ms)
        processed.setdefault(self.config.call_sid, []).append((timestamp_ms, time.monotonic()))

    session.CallSession._hear = noted  # type: ignore[method-assign]


def prepare_calls(count: int) -> list[dict[str, str]]:
    """A call row, a leg and a token for each stream to come."""
    call_command("migrate", verbosity=0)
    agent = Agent.objects.create(name="bench")
    version = AgentVersion.objects.create(
        agent=agent,
        number=1,
        brain="scripted",
        brain_options={"replies": ["x" * config["reply_chars"]] * 1000},
        ears="scripted",
        ears_options={"texts": ["hello"], "repeat": True},
        voice="scripted:tone",
    )
    streams = []
    for index in range(count):
        call = Call.objects.create(
            agent=agent, agent_version=version, direction=Call.Direction.INBOUND, status=Status.RINGING
        )
        sid, token = f"CA{index:032x}", f"token-{index}"
        Leg.objects.create(
            call=call,
            side=Side.AGENT,
            is_primary=True,
            is_outbound=False,
            call_sid=sid,
            stream_token_hash=token_hash(token),
        )
        streams.append({"call_sid": sid, "token": token})
    connections.close_all()
    return streams


class StockConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels ships no types
    """The baseline: the same parsing and the same session, fed by Channels' own dispatch."""

    async def connect(self) -> None:
        self.inner: asyncio.Queue[Any] = asyncio.Queue()
        self.inner.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(media_consumer.media_stream(self.scope, self.inner.get, self.base_send))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.inner.put_nowait({"type": "websocket.receive", "text": text_data})

    async def disconnect(self, code: int) -> None:
        self.inner.put_nowait({"type": "websocket.disconnect", "code": code})
        await asyncio.wait([self.task], timeout=5)


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    target = media_consumer.media_stream if config["consumer"] == "klix" else StockConsumer.as_asgi()
    await target(scope, receive, send)


def dump(*_: object) -> None:
    """The times, for the generator to compare; then away without ceremony: nothing here is kept."""
    arrays: dict[str, Any] = {sid: np.array(times) for sid, times in processed.items()}
    np.savez(config["times"], **arrays)
    Path(config["done"]).touch()


def main() -> None:
    note_when_frames_are_processed()
    streams = prepare_calls(config["calls"])
    make_activity().probabilities(np.zeros(2560, np.int16))  # the model is loaded before the clock runs
    signal.signal(signal.SIGUSR1, dump)
    Path(config["ready"]).write_text(json.dumps({"streams": streams, "auth_token": settings.TWILIO_AUTH_TOKEN}))
    if config["server"] == "uvicorn":
        import uvicorn

        uvicorn.run(application, host="127.0.0.1", port=config["port"], log_level="error", ws="websockets")
    else:
        from daphne.server import Server

        Server(
            application,
            endpoints=[f"tcp:port={config['port']}:interface=127.0.0.1"],
            signal_handlers=False,
        ).run()


assert protocol.FRAME_MS == 20
main()
