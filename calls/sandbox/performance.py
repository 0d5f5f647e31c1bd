"""TwiML performed on one leg, verb by verb, document after document."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import urljoin

from agents.ports import Audio
from calls.sandbox import sound
from calls.sandbox.applications import Webhook
from calls.sandbox.clock import Clock
from calls.sandbox.errors import CallFailed, Problem
from calls.sandbox.leg import Leg
from calls.sandbox.record import rfc2822
from calls.sandbox.stream import MediaStream
from calls.states import Status
from calls.telephony import twiml

# More documents than this on one call are a loop of redirects.
MAX_DOCUMENTS: Final = 1000
_UNANSWERED: Final = (twiml.Pause, twiml.Redirect, twiml.Reject)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a document comes from: `text` itself, or `url` (and `fallback_url` if that fails)."""

    url: str = ""
    method: str = "POST"
    text: str = ""
    fallback_url: str = ""
    fallback_method: str = "POST"
    parameters: Mapping[str, str] = field(default_factory=dict)


class Speaker(Protocol):
    """Speaks the text of a <Say>. Raises CallFailed."""

    async def __call__(self, text: str, voice: str, language: str) -> Audio: ...


class Rejected(Exception):
    """The leg refused the call without answering it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.status = Status.BUSY if reason == "busy" else Status.FAILED


class HungUp(Exception):
    """<Hangup>, or <Reject> on a call that was answered."""


class Network(Protocol):
    """What a performance needs of the exchange."""

    clock: Clock
    speak: Speaker | None

    def answer(self, leg: Leg) -> None: ...

    async def dial(self, leg: Leg, verb: twiml.Dial) -> Leg: ...


class Performance:
    def __init__(self, leg: Leg, network: Network) -> None:
        self._leg = leg
        self._network = network

    async def run(self, source: Source | None) -> None:
        """Until the last verb was performed. Raises CallFailed, Rejected."""
        try:
            for _ in range(MAX_DOCUMENTS):
                if source is None:
                    break
                source = await self._document(source)
            else:
                raise CallFailed(12100, f"More than {MAX_DOCUMENTS} TwiML documents on one call: a redirect loop.")
        except HungUp:
            pass
        self._network.answer(self._leg)

    async def _document(self, source: Source) -> Source | None:
        """Performs one document; returns the next one, if a verb names it."""
        for verb in await self._verbs(source):
            if not isinstance(verb, _UNANSWERED):
                self._network.answer(self._leg)
            following = await self._perform(verb, source.url)
            if following is not None:
                return following
        return None

    # --- Documents ----------------------------------------------------------------------------------------------------
    async def _verbs(self, source: Source) -> list[twiml.Verb]:
        try:
            return await self._read(source)
        except CallFailed as failure:
            if not source.fallback_url:
                raise
            self._leg.note(Problem(failure.problem.code, failure.problem.message))
            wrong = {"ErrorCode": str(failure.problem.code), "ErrorUrl": source.url}
            fallback = Source(source.fallback_url, source.fallback_method, parameters=wrong)
            return await self._read(fallback)

    async def _read(self, source: Source) -> list[twiml.Verb]:
        text = source.text or await self._fetch(source)
        try:
            return twiml.parse(text)
        except twiml.TwimlError as error:
            raise CallFailed(error.code, error.message) from error

    async def _fetch(self, source: Source) -> str:
        parameters = {**self._leg.parameters(), **source.parameters}
        return await self._leg.applications.twiml(Webhook(source.url, source.method, parameters))

    # --- Verbs --------------------------------------------------------------------------------------------------------
    async def _perform(self, verb: twiml.Verb, base: str) -> Source | None:
        match verb:
            case twiml.ConnectStream():
                return await self._connect(verb, base)
            case twiml.Say():
                await self._say(verb)
            case twiml.Play():
                await self._play(verb, base)
            case twiml.Pause():
                await self._network.clock.sleep_until(self._network.clock.now() + verb.length_s)
            case twiml.Dial():
                return await self._dial(verb, base)
            case twiml.Redirect():
                return Source(urljoin(base, verb.url), verb.method)
            case twiml.Reject():
                raise HungUp if self._leg.answered.is_set() else Rejected(verb.reason)
            case twiml.Hangup():
                raise HungUp
        return None

    async def _say(self, verb: twiml.Say) -> None:
        if self._network.speak is None:
            raise CallFailed(13520, "This sandbox has no voice for <Say>: use <Play> or <Connect><Stream>.")
        audio = await self._network.speak(verb.text, verb.voice, verb.language)
        await self._repeat(await asyncio.to_thread(sound.from_audio, audio), verb.loop)

    async def _play(self, verb: twiml.Play, base: str) -> None:
        if verb.digits:
            await self._repeat(sound.from_digits(verb.digits), verb.loop)
            return
        content = await self._leg.applications.sound(urljoin(base, verb.url))
        await self._repeat(await asyncio.to_thread(sound.from_wav, content), verb.loop)

    async def _repeat(self, audio: bytes, times: int) -> None:
        """`times` 0: until the call ends."""
        if not audio:
            return
        played = 0
        while times == 0 or played < times:
            await self._leg.play(audio)
            played += 1

    async def _dial(self, verb: twiml.Dial, base: str) -> Source | None:
        dialled = await self._network.dial(self._leg, verb)
        if not verb.action:
            return None
        result = {
            "DialCallSid": dialled.call.sid,
            "DialCallStatus": dialled.call.status.value,
            "DialCallDuration": str(dialled.call.duration_s),
        }
        return Source(urljoin(base, verb.action), verb.method, parameters=result)

    # --- The media stream ---------------------------------------------------------------------------------------------
    async def _connect(self, verb: twiml.ConnectStream, base: str) -> Source | None:
        leg = self._leg
        stream = MediaStream(verb, leg.call.account_sid, leg.call.sid, leg.playout, leg.note)
        try:
            await stream.open(leg.applications)
        except CallFailed as failure:
            # As at Twilio, the document goes on; the debugger has the reason.
            leg.note(Problem(failure.problem.code, failure.problem.message))
            self._report(verb, stream, "stream-error", base, StreamError=failure.problem.message)
            return None
        await self._converse(verb, stream, base)
        return Source(urljoin(base, verb.action), verb.method) if verb.action else None

    async def _converse(self, verb: twiml.ConnectStream, stream: MediaStream, base: str) -> None:
        leg = self._leg
        leg.stream = stream
        self._report(verb, stream, "stream-started", base)
        try:
            await stream.listen()
        finally:
            leg.stream = None
            leg.playout.clear()
            self._report(verb, stream, "stream-stopped", base)
            await stream.close()

    def _report(self, verb: twiml.ConnectStream, stream: MediaStream, event: str, base: str, **more: str) -> None:
        if not verb.status_callback:
            return
        call = self._leg.call
        parameters = {
            "AccountSid": call.account_sid,
            "CallSid": call.sid,
            "StreamSid": stream.sid,
            "StreamName": verb.name or stream.sid,
            "StreamEvent": event,
            "Timestamp": str(rfc2822(self._network.clock.utc())),
            **more,
        }
        url = urljoin(base, verb.status_callback)
        self._leg.reports.post(Webhook(url, verb.status_callback_method, parameters))
