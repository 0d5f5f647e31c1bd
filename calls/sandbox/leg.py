"""One party's connection to the exchange: its call record, its playout, its media stream, its place in the bridge."""

import asyncio
from typing import Final, Protocol, runtime_checkable

from calls.sandbox.applications import Applications
from calls.sandbox.errors import Problem
from calls.sandbox.playout import SILENCE, Playout
from calls.sandbox.record import API_VERSION, CallRecord
from calls.sandbox.reports import Reports
from calls.sandbox.stream import MediaStream, StreamMark
from calls.states import Status

_HANGUP: Final = {True: Status.COMPLETED, False: Status.CANCELED}


class LineFilter(Protocol):
    """What the line does to one direction, one 20 ms μ-law frame (160 bytes) per tick, silence included. A filter may
    delay, lose or change audio; it always returns 160 bytes. `heard`: what the party heard in the tick before, which
    its telephone may send back as an echo."""

    def __call__(self, frame: bytes, heard: bytes, /) -> bytes: ...


@runtime_checkable
class ToldLine(Protocol):
    """A line that tells what it did to the packets so far, as JSON."""

    def told(self) -> str: ...


class DigitDetector(Protocol):
    """Finds DTMF digits in one direction's frames; returns those that became certain with this one."""

    def __call__(self, frame: bytes) -> str: ...


class Leg:
    """`playout`: what this leg's application (or TwiML) says. `peer`: the leg that hears it and is heard.
    `applications` signs what is asked of this leg's application with its account's token."""

    def __init__(
        self,
        call: CallRecord,
        applications: Applications,
        reports: Reports,
        detect: DigitDetector,
        line: LineFilter | None,
    ) -> None:
        self.call = call
        self.applications = applications
        self.reports = reports
        self.playout: Playout[StreamMark] = Playout()
        self.stream: MediaStream | None = None
        self.peer: Leg | None = None  # who hears whom now
        self.other: Leg | None = None  # the call's other end: both live and die together
        self.dialled: Leg | None = None  # what this leg's <Dial> reached or is ringing
        self.dialler: Leg | None = None  # whose <Dial> reached this leg
        self.answered = asyncio.Event()
        self.ended = asyncio.Event()
        self.beeped = asyncio.Event()  # an answering machine's tone is over
        self.task: asyncio.Task[None] | None = None
        # When the clock reaches `deadline_s`, the leg ends as `deadline_status`: unanswered, or at its time limit.
        self.deadline_s: float | None = None
        self.deadline_status = Status.NO_ANSWER
        self.time_limit_s: float | None = None
        self._detect = detect
        self._line = line
        self.frame = SILENCE
        self.heard = SILENCE
        self.digits = ""

    # --- The tick -----------------------------------------------------------------------------------------------------
    def speak(self) -> list[StreamMark]:
        """Takes this tick's frame from the playout and passes it down the line; returns the marks played by now."""
        marks = self.playout.reached()
        frame = self.playout.take()
        self.digits = self._detect(frame)
        self.frame = frame if self._line is None else self._line(frame, self.heard)
        return marks

    async def hear(self) -> None:
        """Hands the peer's frame and digits of this tick to this leg's application."""
        stream, peer = self.stream, self.peer
        self.heard = SILENCE if peer is None else peer.frame
        if stream is None or not stream.is_open:
            return
        await stream.send_frame(self.heard)
        for digit in "" if peer is None else peer.digits:
            await stream.send_digit(digit)

    async def deliver(self, marks: list[StreamMark]) -> None:
        for mark in marks:
            if isinstance(mark, str):
                if self.stream is not None:
                    await self.stream.send_mark(mark)
            elif not mark.done():
                mark.set_result(None)

    # --- What the leg's own TwiML plays -------------------------------------------------------------------------------
    async def play(self, audio: bytes) -> None:
        """Plays μ-law bytes to the peer; returns when they have been played."""
        if not audio:
            return
        played: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.playout.put(audio)
        self.playout.mark(played)
        try:
            await played
        except asyncio.CancelledError:
            self.playout.clear()
            raise

    # --- The bridge ---------------------------------------------------------------------------------------------------
    def join(self, peer: "Leg | None") -> None:
        """From now on this leg and `peer` hear each other, and whoever heard them before hears nothing."""
        for leg in (self, peer):
            if leg is not None and leg.peer is not None:
                leg.peer.peer = None
                leg.peer = None
        self.peer = peer
        if peer is not None:
            peer.peer = self

    def leave(self) -> None:
        """This leg is over. Whoever dialled it takes its place in the bridge again."""
        self.ended.set()
        peer, dialler = self.peer, self.dialler
        self.join(None)
        if dialler is not None and not dialler.ended.is_set():
            dialler.join(peer)

    # --- Words about it -----------------------------------------------------------------------------------------------
    def note(self, problem: Problem) -> None:
        self.call.note(problem)

    @property
    def hang_up_status(self) -> Status:
        return _HANGUP[self.call.is_answered]

    @property
    def line_told(self) -> str:
        """What the line did to what this leg sent; "" where it tells nothing."""
        line: object = self._line
        return line.told() if isinstance(line, ToldLine) else ""

    def parameters(self) -> dict[str, str]:
        """What Twilio sends with every webhook of a call."""
        call = self.call
        parameters = {
            "CallSid": call.sid,
            "AccountSid": call.account_sid,
            "From": call.from_,
            "To": call.to,
            "Caller": call.from_,
            "Called": call.to,
            "CallStatus": call.status.value,
            "Direction": call.direction,
            "ApiVersion": API_VERSION,
        }
        if call.parent_sid:
            parameters["ParentCallSid"] = call.parent_sid
        if call.answered_by:
            parameters["AnsweredBy"] = call.answered_by
        return parameters
