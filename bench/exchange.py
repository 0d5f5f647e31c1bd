"""The sandbox's two-leg calls on one core: CPU per call, and how late the exchange's 20 ms pulse is.

Each call bridges two media streams; the application behind each speaks 40 % of the time, so that frames, marks and the
search for DTMF digits are real. The exchange is pinned to one core; the applications run in this process on another
one: they read what they hear and throw it away. The first seconds are not counted. CPU is what the exchange used for
the ticks that it did, times 50 a second. On a machine that is busy with other things the lateness is the machine's.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from bench.media_path import FRAMES_PER_S, SPEECH_MS, caller_frames
from calls.telephony import protocol

CYCLE_S: Final = 10.0
TWIML: Final = '<Response><Connect><Stream url="ws://127.0.0.1:{port}/ws"/></Connect></Response>'
ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
FRAMES_A_MESSAGE: Final = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--warm-up", type=float, default=5.0)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    found = asyncio.run(_measure(_speech(), options.calls, options.seconds, options.warm_up))
    per_second = 100 * found["cpu_s"] / max(1, found["ticks"]) * FRAMES_PER_S
    row: dict[str, object] = {
        "calls": options.calls,
        "legs": int(found["streams"]),
        "cpu % / call": per_second / options.calls,
        "core %": 100 * found["cpu_s"] / found["wall_s"],
        "tick late p50 ms": found["late_p50_ms"],
        "tick late p99 ms": found["late_p99_ms"],
        "ticks": int(found["ticks"]),
        "skipped": int(found["skipped_ticks"]),
        "frames dropped": int(found["dropped_frames"]),
    }
    figures: dict[str, object] = {
        "calls": options.calls,
        "cpu_percent_per_call": row["cpu % / call"],
        "late_p50_ms": found["late_p50_ms"],
        "late_p99_ms": found["late_p99_ms"],
    }
    return [row], figures


async def _measure(messages: list[bytes], calls: int, seconds: float, warm_up_s: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    os.sched_setaffinity(0, {(os.cpu_count() or 1) - 1})
    server = await loop.create_server(lambda: Application(messages), "127.0.0.1", 0, backlog=1000)
    port = server.sockets[0].getsockname()[1]
    plan = {"application": f"http://127.0.0.1:{port}/voice", "calls": calls, "seconds": seconds, "warm_up_s": warm_up_s}
    with tempfile.TemporaryDirectory(prefix="klix-bench-") as folder:
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(plan))
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench._exchange_server", str(config), stdout=asyncio.subprocess.PIPE
        )
        try:
            told, _ = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            server.close()
    if process.returncode:
        raise SystemExit("The exchange of the benchmark did not run to its end.")
    found: dict[str, float] = json.loads(told)
    return found


def _speech() -> list[bytes]:
    frames = caller_frames()[: SPEECH_MS * FRAMES_PER_S // 1000]
    return [b"".join(frames[i : i + FRAMES_A_MESSAGE]) for i in range(0, len(frames), FRAMES_A_MESSAGE)]


class Application(asyncio.Protocol):
    """Answers every request with a media stream to itself; on the stream it speaks, and does not listen.

    A whole websocket server would cost more here than the exchange that is measured.
    """

    def __init__(self, messages: list[bytes]) -> None:
        self._messages = messages
        self._head = b""
        self._is_stream = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._is_stream:
            if self._timer is None:
                self._begin(data)
            return
        self._head += data
        if b"\r\n\r\n" in self._head:
            self._answer(self._head)
            self._head = b""

    def _answer(self, head: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in head.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
        key = fields.get(b"Sec-WebSocket-Key")
        if key is None:
            body = TWIML.format(port=self._transport.get_extra_info("sockname")[1])
            headers = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\nConnection: close"
            self._transport.write(f"{headers}\r\n\r\n{body}".encode())
            self._transport.close()
            return
        self._is_stream = True
        accept = base64.b64encode(hashlib.sha1(key + ACCEPT_GUID).digest()).decode()
        self._transport.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )

    def _begin(self, data: bytes) -> None:
        """The first frames of the stream carry `start`: masked, so unmask them all to find its SID."""
        text = b"".join(_unmasked(data)).decode("utf-8", "replace")
        at = text.find('"streamSid": "MZ')
        if at < 0:
            return
        self._sid = text[at + 14 : at + 48]
        loop = asyncio.get_running_loop()
        # The streams speak at times of their own, as people do.
        self._timer = loop.call_later(int(self._sid[2:6], 16) / 0xFFFF * CYCLE_S, self._speak)

    def _speak(self) -> None:
        for payload in self._messages:
            self._transport.write(_text_frame(protocol.media_command(self._sid, payload)))
        self._transport.write(_text_frame(protocol.mark_command(self._sid, "said")))
        self._timer = asyncio.get_running_loop().call_later(CYCLE_S, self._speak)


def _text_frame(text: str) -> bytes:
    """An unmasked websocket text frame (RFC 6455, section 5.2)."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x81, len(payload)]) + payload
    return bytes([0x81, 126]) + len(payload).to_bytes(2, "big") + payload


def _unmasked(data: bytes) -> list[bytes]:
    """The payloads of whole masked frames of less than 64 kB."""
    found = []
    while len(data) > 8:
        size, at = data[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        mask, payload = data[at : at + 4], data[at + 4 : at + 4 + size]
        found.append(bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))
        data = data[at + 4 + size :]
    return found
