"""The double's `/audio/…`: transcriptions, translations, speech."""

from typing import Any

import numpy as np
from aiohttp import web

from tests.doubles.openai_faults import Ended, Fault, Stream, error, spoiled
from tests.doubles.openai_script import Script

WORD_S = 0.3
LANGUAGE = {"name": "english", "code": "en"}


def speech_bytes(text: str) -> bytes:
    """24 kHz PCM: 10 ms of a tone for each character."""
    time = np.arange(240 * len(text)) / 24_000
    return (8000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes()


def verbose(text: str) -> dict[str, Any]:
    words = [
        {"word": word, "start": WORD_S * index, "end": WORD_S * (index + 1)} for index, word in enumerate(text.split())
    ]
    duration = WORD_S * len(words)
    usage = {"type": "duration", "seconds": duration}
    return {"text": text, "language": LANGUAGE["name"], "duration": duration, "words": words, "usage": usage}


async def transcriptions(
    request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
) -> web.StreamResponse:
    if "file" not in body or not body["file"].startswith(b"RIFF"):
        return error(400, "invalid_file")
    modern = body["model"] == "gpt-transcribe"
    if modern and ("language" in body or "prompt" in body):
        return error(400, "unsupported_parameter")
    if not modern and ("languages[]" in body or "keywords[]" in body):
        return error(400, "unsupported_parameter")
    if body.get("stream") == "true" and modern:
        return await _streamed(request, script, fault)
    if fault is not None and (answer := spoiled(fault)) is not None:
        return answer
    text = script.transcript()
    if body.get("response_format") == "verbose_json":
        return web.json_response(verbose(text))
    usage = {"type": "tokens", "input_tokens": 20, "output_tokens": len(text.split()), "total_tokens": 30}
    return web.json_response({"text": text, "languages": [{"code": "en"}] if modern else None, "usage": usage})


async def _streamed(request: web.Request, script: Script, fault: Fault | None) -> web.StreamResponse:
    stream = Stream(request, fault, script.piece_s)
    await stream.open()
    text = script.transcript()
    try:
        for index, word in enumerate(text.split()):
            delta = word if index == 0 else f" {word}"
            await stream.event({"type": "transcript.text.delta", "delta": delta})
        usage = {"type": "tokens", "input_tokens": 20, "output_tokens": len(text.split()), "total_tokens": 30}
        done = {"type": "transcript.text.done", "text": text, "languages": [{"code": "en"}], "usage": usage}
        await stream.event(done)
        await stream.event("[DONE]")
    except Ended:
        pass
    return await stream.close()


async def translations(_: web.Request, script: Script, body: dict[str, Any], fault: Fault | None) -> web.StreamResponse:
    if not script.translations_open:
        return error(404, None)
    if fault is not None and (answer := spoiled(fault)) is not None:
        return answer
    return web.json_response({"text": script.translation})


async def speech(request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None) -> web.StreamResponse:
    if body.get("response_format") != "pcm":
        return error(400, "unsupported_format")
    if fault is not None and (answer := spoiled(fault)) is not None:
        return answer
    stream = Stream(request, fault, script.piece_s)
    await stream.open("audio/pcm")
    data = speech_bytes(body["input"])
    try:
        for start in range(0, len(data), script.piece_bytes):
            await stream.chunk(data[start : start + script.piece_bytes])
    except Ended:
        pass
    return await stream.close()
