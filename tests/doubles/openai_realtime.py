"""The double's Realtime interface over websockets: transcription sessions, speech to speech, out-of-band responses.

Its voice activity is counted, not clocked: a frame of μ-law is speech where its mean level is above that of a tone's
tenth. So a test decides by what it sends when speech starts and stops.
"""

import asyncio
import base64
import contextlib
import itertools
import json
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from tests.doubles.openai_faults import Fault, Kind, error
from tests.doubles.openai_script import Reply, Script

Event = dict[str, Any]
SPEECH_LEVEL = 0x50  # of 0x7F, on the μ-law scale
PIECE_BYTES = 400  # 50 ms
PIECES_A_WORD = 4
PCM_PIECE_BYTES = 2401  # odd on purpose


def level(mulaw: bytes) -> float:
    """0 for μ-law silence, 127 for the loudest."""
    return float(np.mean(0x7F - (np.frombuffer(mulaw, np.uint8) & 0x7F))) if mulaw else 0.0


async def realtime(
    request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
) -> web.StreamResponse:
    if "openai-beta" in request.headers:
        return error(400, "beta_api_shape_disabled")
    transcribes = request.query.get("intent") == "transcription"
    if transcribes == ("model" in request.query):
        return error(400, "invalid_model")
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    session = Session(socket, script, fault, request)
    with contextlib.suppress(Gone, ConnectionError):
        await session.run("transcription" if transcribes else "realtime")
    return socket


class Gone(Exception):
    """The fault ended the connection."""


class Session:
    ids = itertools.count(1)

    def __init__(
        self, socket: web.WebSocketResponse, script: Script, fault: Fault | None, request: web.Request
    ) -> None:
        self._socket, self._script, self._fault, self._request = socket, script, fault, request
        self._sent = 0
        self._config: Event = {}
        self._buffer = bytearray()
        self._received = 0
        self._silent = 0
        self._speaking = False
        self._item = ""  # of the turn that is being spoken
        self._speaking_task: asyncio.Task[None] | None = None
        self._response = ""  # the newest one's id
        self._spoken: dict[str, int] = {}  # item → bytes of audio sent

    async def run(self, kind: str) -> None:
        await self.send("session.created", session={"type": kind})
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                await self._handle(json.loads(message.data))

    async def send(self, kind: str, **data: Any) -> None:
        if self._fault is not None and self._sent >= self._fault.after:
            await self._spoil(self._fault, kind)
        self._sent += 1
        await self._socket.send_str(json.dumps({"type": kind, "event_id": f"event_{next(self.ids)}", **data}))
        await asyncio.sleep(self._script.piece_s)

    async def _spoil(self, fault: Fault, kind: str) -> None:
        match fault.kind:
            case Kind.STALL_INSIDE:
                await asyncio.Event().wait()
            case Kind.CUT:
                assert self._request.transport is not None
                self._request.transport.abort()
                raise Gone
            case Kind.ENDED_EARLY:
                await self._socket.close()
                raise Gone
            case Kind.BAD_JSON:
                await self._socket.send_str('{"type": "brok')
            case Kind.WRONG_SCHEMA:
                await self._socket.send_str(json.dumps({"type": kind, "unexpected": True}))
            case Kind.ERROR_INSIDE:
                problem = {"type": "server_error", "code": "server_error", "message": "injected"}
                await self._socket.send_str(json.dumps({"type": "error", "event_id": "e", "error": problem}))

    # --- Client events ------------------------------------------------------------------------------------------------
    async def _handle(self, event: Event) -> None:
        self._script.received.append(event)
        match event["type"]:
            case "session.update":
                self._config |= event["session"]  # what an update does not name stays
                await self.send("session.updated", session=event["session"])
            case "input_audio_buffer.append":
                await self._append(base64.b64decode(event["audio"]))
            case "input_audio_buffer.commit":
                await self._commit()
            case "input_audio_buffer.clear":
                self._buffer.clear()
                await self.send("input_audio_buffer.cleared")
            case "conversation.item.create":
                await self.send("conversation.item.done", item=event["item"])
            case "conversation.item.truncate":
                await self._truncate(event)
            case "response.create":
                await self._respond(event.get("response") or {})
            case "response.cancel":
                await self._cancel(by_client=True)

    @property
    def _vad(self) -> Event | None:
        vad = self._config.get("audio", {}).get("input", {}).get("turn_detection")
        return vad if isinstance(vad, dict) else None

    async def _append(self, audio: bytes) -> None:
        self._buffer += audio
        self._received += len(audio)
        if self._vad is None or not self._script.voice_activity:
            return
        if level(audio) >= SPEECH_LEVEL:
            await self._loud()
        elif self._speaking:
            await self._quiet(len(audio))

    async def _loud(self) -> None:
        self._silent = 0
        if self._speaking:
            return
        self._speaking, self._item = True, f"item_{next(self.ids)}"
        padding_ms = (self._vad or {}).get("prefix_padding_ms", 300)
        start_ms = max(0, self._received // 8 - padding_ms)
        await self.send("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=self._item)
        if self._vad and self._vad.get("interrupt_response"):
            await self._cancel(by_client=False)

    async def _quiet(self, size: int) -> None:
        self._silent += size
        if self._vad is None or self._silent // 8 < self._vad.get("silence_duration_ms", 500):
            return
        self._speaking = False
        await self.send("input_audio_buffer.speech_stopped", audio_end_ms=self._received // 8, item_id=self._item)
        await self._commit()
        if self._vad.get("create_response"):
            await self._respond({})

    async def _commit(self) -> None:
        if not self._buffer:
            await self._problem("input_audio_buffer_commit_empty")
            return
        seconds = len(self._buffer) / 8000
        self._buffer.clear()
        item, self._item, self._speaking = self._item or f"item_{next(self.ids)}", "", False
        await self.send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        if not self._config.get("audio", {}).get("input", {}).get("transcription"):
            return
        text = self._script.transcript()
        kind = "conversation.item.input_audio_transcription"
        if self._fault is not None and self._fault.kind is Kind.REFUSAL:
            problem = {"type": "server_error", "code": "audio_unintelligible", "message": "injected"}
            await self.send(f"{kind}.failed", item_id=item, content_index=0, error=problem)
            return
        for index, word in enumerate(text.split()):
            delta = word if index == 0 else f" {word}"
            await self.send(f"{kind}.delta", item_id=item, content_index=0, delta=delta)
        usage = {"type": "duration", "seconds": seconds}
        await self.send(f"{kind}.completed", item_id=item, content_index=0, transcript=text, usage=usage)

    async def _truncate(self, event: Event) -> None:
        if event["audio_end_ms"] * 8 > self._spoken.get(event["item_id"], 0):
            await self._problem("invalid_value")
            return
        await self.send("conversation.item.truncated", **{key: event[key] for key in ("item_id", "audio_end_ms")})

    async def _problem(self, code: str) -> None:
        problem = {"type": "invalid_request_error", "code": code, "message": "injected"}
        await self.send("error", error=problem)

    # --- Responses ----------------------------------------------------------------------------------------------------
    async def _respond(self, wanted: Event) -> None:
        if wanted.get("conversation") == "none":
            reply = Reply(self._script.spoken or spoken_text(wanted))
        else:
            reply = self._script.reply(self._fault)
        self._response = f"resp_{next(self.ids)}"
        speaker = Speaker(self, reply, self._response, f"item_{next(self.ids)}", self._format(wanted))
        self._speaking_task = asyncio.get_running_loop().create_task(self._speak(speaker))

    def _format(self, wanted: Event) -> str:
        for config in (wanted, self._config):
            kind = config.get("audio", {}).get("output", {}).get("format", {}).get("type")
            if kind:
                return str(kind)
        return "audio/pcm"

    async def _speak(self, speaker: "Speaker") -> None:
        try:
            await speaker.speak(self._spoken)
        except (Gone, ConnectionError):
            return
        self._speaking_task = None

    async def _cancel(self, *, by_client: bool) -> None:
        task, self._speaking_task = self._speaking_task, None
        if task is None or task.done():
            if by_client:
                await self._problem("response_cancel_not_active")
            return
        task.cancel()
        await asyncio.wait([task])
        details = {"type": "cancelled", "reason": "client_cancelled" if by_client else "turn_detected"}
        response = {"id": self._response, "status": "cancelled", "status_details": details}
        await self.send("response.done", response=response)


def spoken_text(wanted: Event) -> str:
    """What an out-of-band response was asked to say: the last input text."""
    return str(wanted["input"][-1]["content"][0]["text"])


class Speaker:
    """Sends one spoken response: transcript and audio, word by word, and the calls of functions."""

    def __init__(self, session: Session, reply: Reply, response: str, item: str, audio_format: str) -> None:
        self._session, self._reply, self._id, self._item = session, reply, response, item
        self._pcm = audio_format == "audio/pcm"

    async def speak(self, spoken: dict[str, int]) -> None:
        send = self._session.send
        at = {"response_id": self._id, "item_id": self._item, "output_index": 0, "content_index": 0}
        await send("response.created", response={"id": self._id, "status": "in_progress"})
        for word in self._reply.words:
            await send("response.output_audio_transcript.delta", delta=word, **at)
            for piece in self._pieces():
                spoken[self._item] = spoken.get(self._item, 0) + len(piece)
                await send("response.output_audio.delta", delta=base64.b64encode(piece).decode(), **at)
        if self._reply.text:
            await send("response.output_audio.done", **at)
            await send("response.output_audio_transcript.done", transcript=self._reply.text, **at)
        await self._end(send)

    def _pieces(self) -> list[bytes]:
        if self._pcm:
            return [b"\x00\x20" * 1200 + b"\x00", b"\x20" + b"\x00\x20" * 1200]  # loud enough to be heard
        return [b"\x20" * PIECE_BYTES] * PIECES_A_WORD

    async def _end(self, send: Any) -> None:
        calls = [
            {"type": "function_call", "call_id": f"call_{index}", "name": name, "arguments": arguments}
            for index, (name, arguments) in enumerate(self._reply.calls)
        ]
        for call in calls:
            at = {"output_index": 1, "response_id": self._id}
            await send("response.function_call_arguments.done", item_id="fc", **at, **call)
            await send("response.output_item.done", item={"id": "fc", "status": "completed", **call}, **at)
        usage = {"input_tokens": 40, "output_tokens": 60, "total_tokens": 100}
        response: Event = {"id": self._id, "status": "completed", "output": calls, "usage": usage}
        if self._reply.finish == "length":
            response |= {
                "status": "incomplete",
                "status_details": {"type": "incomplete", "reason": "max_output_tokens"},
            }
        await send("response.done", response=response)
