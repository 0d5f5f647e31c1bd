"""A Twilio voice bot written with pipecat, as its documentation shows: run by an interpreter that has pipecat.

It greets with a tone, answers what it hears with a lower tone, is silent when it is interrupted, and hangs up over REST
after its second answer. Energy is its ear and tones are its voice, so that it needs no service.

    python pipecat_bot.py PORT REST_BASE_URL ACCOUNT_SID AUTH_TOKEN
"""

import json
import sys

import numpy as np
import uvicorn
from fastapi import FastAPI, Response, WebSocket
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport

PORT, BASE_URL, ACCOUNT_SID, AUTH_TOKEN = int(sys.argv[1]), *sys.argv[2:5]
RATE_HZ = 8000
LOUD, QUIET_FRAMES, ANSWERS = 500.0, 25, 2
app = FastAPI()


def tone(hz: int, seconds: float) -> bytes:
    times = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes())


class Conversation(FrameProcessor):  # type: ignore[misc]  # pipecat is not installed where types are checked
    def __init__(self) -> None:
        super().__init__()
        self.is_hearing = False
        self.quiet = 0
        self.answers = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            await self.hear(np.frombuffer(frame.audio, "<i2"))
            return
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            await self.say(440, 2.0)

    async def hear(self, samples: "np.ndarray") -> None:
        is_loud = float(np.sqrt(np.mean(samples.astype(float) ** 2))) > LOUD
        self.quiet = 0 if is_loud else self.quiet + 1
        if is_loud and not self.is_hearing:
            self.is_hearing = True
            await self.push_frame(InterruptionFrame())
        elif self.is_hearing and self.quiet >= QUIET_FRAMES:
            self.is_hearing = False
            await self.answer()

    async def answer(self) -> None:
        self.answers += 1
        await self.say(330, 0.5)
        if self.answers == ANSWERS:
            await self.push_frame(EndFrame())

    async def say(self, hz: int, seconds: float) -> None:
        await self.push_frame(OutputAudioRawFrame(tone(hz, seconds), RATE_HZ, 1))


@app.get("/")
async def ready() -> Response:
    return Response("ready")


@app.post("/voice")
async def voice() -> Response:
    stream = f'<Connect><Stream url="ws://127.0.0.1:{PORT}/ws"/></Connect>'
    return Response(f"<?xml version='1.0'?><Response>{stream}</Response>", media_type="text/xml")


@app.websocket("/ws")
async def media(socket: WebSocket) -> None:
    await socket.accept()
    await socket.receive_text()  # connected
    start = json.loads(await socket.receive_text())["start"]
    serializer = TwilioFrameSerializer(start["streamSid"], start["callSid"], ACCOUNT_SID, AUTH_TOKEN, base_url=BASE_URL)
    parameters = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
    )
    transport = FastAPIWebsocketTransport(socket, parameters)
    pipeline = Pipeline([transport.input(), Conversation(), transport.output()])
    rates = PipelineParams(audio_in_sample_rate=RATE_HZ, audio_out_sample_rate=RATE_HZ)
    await PipelineRunner(handle_sigint=False).run(PipelineTask(pipeline, params=rates))


uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning")
