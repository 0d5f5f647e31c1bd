"""The server side of `media_path`: the product's `/ws`, or the same session behind a stock Channels consumer.

Run by media_path in a process of its own, pinned to one core:  python -m bench._with_django _media_server CONFIG.json
"""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.urls import path

from agents.models import Agent, AgentVersion
from agents.providers.registry import make_activity
from calls import answering, listener, media_consumer, media_session, session
from calls.models import Call, Leg
from calls.states import Ending, Side, Status
from calls.telephony import protocol
from calls.threads import in_pool
from calls.tokens import token_hash
from klix_site.asgi import application as product

Config = dict[str, Any]
# Monotonic seconds by call and frame number; made before the load, so that they are not taken for a call's memory.
taken: dict[str, "np.ndarray[Any, np.dtype[np.float64]]"] = {}
judged: dict[str, "np.ndarray[Any, np.dtype[np.float64]]"] = {}


def note_when_frames_are_processed() -> None:
    """When the session has taken a frame, and when voice activity has judged the window that the frame completed."""
    hear, window = media_session.MediaSession._hear, listener.Listener._window

    def noted_hear(self: media_session.MediaSession, payload: bytes, timestamp_ms: int) -> None:
        hear(self, payload, timestamp_ms)
        _note(taken[self.config.call_sid], timestamp_ms // protocol.FRAME_MS)

    def noted_window(self: listener.Listener, probability: float) -> None:
        window(self, probability)
        assert isinstance(self._ear, session.CallSession)
        _note(judged[self._ear.config.call_sid], (self.detector.now_ms - 1) // protocol.FRAME_MS)

    media_session.MediaSession._hear = noted_hear  # type: ignore[method-assign]
    listener.Listener._window = noted_window  # type: ignore[method-assign]


def _note(times: "np.ndarray[Any, np.dtype[np.float64]]", frame: int) -> None:
    if frame < len(times):
        times[frame] = time.monotonic()


def prepare_calls(config: Config) -> list[dict[str, str]]:
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
    return [_prepare_call(agent, version, index, config["frames"]) for index in range(config["calls"])]


def _prepare_call(agent: Agent, version: AgentVersion, index: int, frames: int) -> dict[str, str]:
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
    taken[sid] = np.full(frames, np.nan)
    judged[sid] = np.full(frames, np.nan)
    return {"call_sid": sid, "token": token}


# --- The baseline -----------------------------------------------------------------------------------------------------
class StockStream(media_consumer._Stream):
    """The product's session and recorder; its frames are brought by the consumer instead of read here."""

    async def _read(self, session: media_session.MediaSession) -> None:
        await asyncio.Event().wait()

    def receive(self, text: str) -> None:
        if self._session is None:
            return
        try:
            self._session.receive(protocol.parse(text))
        except protocol.Violation as error:
            self._session.reject(str(error))

    def lost(self) -> None:
        if self._session is not None:
            self._session.end(Ending.CONNECTION_LOST)


class StockConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # Channels ships no types
    """As one would write it with Channels: each message comes through its dispatch to `receive`."""

    stream: StockStream | None = None
    running: "asyncio.Task[None] | None" = None

    async def connect(self) -> None:
        if media_consumer.is_admitted(self.scope):
            await self.accept()
        else:
            await self.close()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.stream is not None:
            self.stream.receive(text_data or "")
        elif isinstance(start := protocol.parse(text_data or ""), protocol.Start):
            await self._begin(start)

    async def _begin(self, start: protocol.Start) -> None:
        token = start.custom_parameters["token"]
        leg = await in_pool(answering.claim_stream, start.call_sid, start.stream_sid, token)
        assert leg is not None, "the benchmark's own token was refused"
        self.stream = StockStream(leg, start.stream_sid, asyncio.Queue().get, self.base_send)
        self.running = asyncio.create_task(self.stream.run())

    async def disconnect(self, code: int) -> None:
        if self.stream is not None and self.running is not None:
            self.stream.lost()
            await asyncio.wait([self.running], timeout=5)


stock = ProtocolTypeRouter({"websocket": URLRouter([path("ws", StockConsumer.as_asgi())])})


# --- Serving ----------------------------------------------------------------------------------------------------------
def dump(config: Config) -> None:
    """The times, for the generator to compare; then away without ceremony: nothing here is kept."""
    times: dict[str, Any] = {f"taken-{sid}": values for sid, values in taken.items()}
    times |= {f"judged-{sid}": values for sid, values in judged.items()}
    np.savez(config["times"], **times)
    Path(config["done"]).touch()


def serve(config: Config) -> None:
    application: Any = product if config["consumer"] == "klix" else stock
    if config["server"] == "uvicorn":
        import uvicorn

        options = {"ws": config["ws"], "loop": config["loop"], "log_level": "error", "lifespan": "off"}
        uvicorn.run(application, host="127.0.0.1", port=config["port"], **options)
    else:
        from daphne.server import Server

        endpoint = f"tcp:port={config['port']}:interface=127.0.0.1"
        Server(application, endpoints=[endpoint], signal_handlers=False).run()


def main(path: str) -> None:
    config: Config = json.loads(Path(path).read_text())
    note_when_frames_are_processed()
    streams = prepare_calls(config)
    connections.close_all()
    make_activity().probabilities(np.zeros(2560, np.int16))  # the model is loaded before the clock runs
    signal.signal(signal.SIGUSR1, lambda *_: dump(config))
    Path(config["ready"]).write_text(json.dumps({"streams": streams, "auth_token": settings.TWILIO_AUTH_TOKEN}))
    serve(config)
