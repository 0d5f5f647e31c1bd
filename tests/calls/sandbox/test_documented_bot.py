"""The bot of docs/external-agents.md, exactly as it is written there."""

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import ClientSession, web

from calls.audio import mulaw
from tests.calls.sandbox.application import serving

DOCS = Path(__file__).resolve().parents[3] / "docs" / "external-agents.md"
FRAME = 160
QUIET = b"\xff" * FRAME


def documented_bot() -> web.Application:
    found = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found
    program: dict[str, Any] = {"__name__": "parrot"}
    exec(compile(found[1], "parrot.py", "exec"), program)
    app = program["app"]
    assert isinstance(app, web.Application)
    return app


async def test_the_documented_bot_repeats_what_it_hears() -> None:
    spoken = mulaw.encode((8000 * np.sin(np.arange(50 * FRAME))).astype(np.int16))
    frames = [QUIET] * 10 + [spoken[at : at + FRAME] for at in range(0, len(spoken), FRAME)] + [QUIET] * 35
    async with serving(documented_bot()) as bot, ClientSession() as http:
        async with http.post(f"{bot}/voice") as answer:
            assert f'<Stream url="{bot.replace("http", "ws")}/ws"/>' in await answer.text()
        async with http.ws_connect(f"{bot}/ws") as socket:
            for frame in frames:
                media = {"payload": base64.b64encode(frame).decode()}
                await socket.send_json({"event": "media", "streamSid": "MZ1", "media": media})
            said = await socket.receive_json(timeout=20)
    assert said["streamSid"] == "MZ1"
    assert base64.b64decode(said["media"]["payload"]) == spoken + QUIET * 35
