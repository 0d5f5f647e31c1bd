"""The exchange: places calls, rings numbers, bridges legs, ticks, and ends what is over.

A call has two legs from the start: the originating one (REST), whose application is the caller's `Url`, and the far
one, whose application is the voice URL of the number that was called. They live and die together. `<Dial>` rings a
third leg and puts it in the dialling leg's place in the bridge while it lasts.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from calls.sandbox import machine, sound
from calls.sandbox.accounts import Account, Accounts
from calls.sandbox.applications import Applications, Webhook
from calls.sandbox.clock import Clock, SystemClock
from calls.sandbox.directory import FIXED_NUMBERS, Behaviour, Directory
from calls.sandbox.errors import STREAM_REFUSED, CallFailed, Problem
from calls.sandbox.leg import Leg, LineFilter
from calls.sandbox.network import is_number
from calls.sandbox.performance import Performance, Rejected, Source, Speaker
from calls.sandbox.record import CallRecord, rfc2822
from calls.sandbox.reports import Reports, Subscription
from calls.sandbox.ticker import Ticker
from calls.states import Status
from calls.telephony import twiml

KEPT_CALLS: Final = 10_000
SHUTDOWN_S: Final = 5.0
BROKE: Final = Problem(20500, "An error in the exchange ended this call; its log has it.", is_fatal=True)
_REFUSALS: Final = (Status.BUSY, Status.FAILED, Status.NO_ANSWER)

log = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Setup:
    account_sid: str
    auth_token: str
    # Who answers at numbers that the directory does not know, and is told when they were hung up.
    default_voice_url: str = ""
    default_status_callback: str = ""
    allow_remote_applications: bool = False
    webhook_timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Placement:
    """A call to place. `source`: the originating leg's TwiML, wanted once the far end has answered."""

    to: str
    from_: str
    source: Source
    reports: Subscription = field(default_factory=Subscription)
    timeout_s: float = 60.0
    time_limit_s: float = 14400.0
    send_digits: str = ""
    # "", "Enable" or "DetectMessageEnd": whether, and when, it is told who answered.
    detection: str = ""
    async_detection: Subscription | None = None
    # What the line does to what the originating leg sends, and to what the far one sends; None: the exchange's rule.
    line: LineFilter | None = None
    far_line: LineFilter | None = None
    # Answers instead of the number's own application, as an application of `far_account`.
    far_source: Source | None = None
    far_account: Account | None = None


class Exchange:
    def __init__(
        self,
        setup: Setup,
        directory: Directory | None = None,
        *,
        clock: Clock | None = None,
        speak: Speaker | None = None,
        line: Callable[[CallRecord], LineFilter | None] = lambda call: None,
    ) -> None:
        """`line`: the filter of what a leg sends, asked once per leg; None: a good line."""
        self.setup = setup
        self.directory = directory or Directory()
        self.clock: Clock = clock or SystemClock()
        self.speak = speak
        self.applications = Applications(
            setup.auth_token, allow_remote=setup.allow_remote_applications, timeout_s=setup.webhook_timeout_s
        )
        self.ticker = Ticker(self.clock, self.tick)
        self.accounts = Accounts(Account(setup.account_sid, setup.auth_token))
        self._line = line
        self._calls: dict[str, CallRecord] = {}
        self._legs: dict[str, Leg] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulse: asyncio.Task[None] | None = None

    # --- What REST asks -----------------------------------------------------------------------------------------------
    def call(self, sid: str) -> CallRecord | None:
        return self._calls.get(sid)

    def calls(self) -> Iterator[CallRecord]:
        """Newest first."""
        return reversed(list(self._calls.values()))

    @property
    def live_legs(self) -> int:
        return len(self._legs)

    def stats(self) -> dict[str, float | int]:
        return {"live_legs": self.live_legs, "calls": len(self._calls), **self.ticker.stats()}

    def place(self, placement: Placement) -> CallRecord:
        leg = self._new_leg(placement.from_, placement.to, "outbound-api", placement.reports, line=placement.line)
        leg.time_limit_s = placement.time_limit_s
        self._start(leg, lambda: self._originate(leg, placement))
        return leg.call

    def hang_up(self, call: CallRecord) -> None:
        if leg := self._legs.get(call.sid):
            self._end(leg, leg.hang_up_status)

    def redirect(self, call: CallRecord, source: Source) -> None:
        """The leg stops what it performs and goes on with `source`."""
        leg = self._legs[call.sid]
        assert leg.task is not None
        previous = leg.task
        self._start(leg, lambda: self._perform_after(previous, leg, source))
        previous.cancel()

    async def _perform_after(self, previous: asyncio.Task[None], leg: Leg, source: Source) -> None:
        await asyncio.wait([previous])  # its media stream says goodbye first
        await self._perform(leg, source)

    async def aclose(self) -> None:
        """Ends live calls as completed, tells their applications, and stops."""
        for leg in list(self._legs.values()):
            self._end(leg, leg.hang_up_status)
        if self._pulse is not None:
            self._pulse.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=SHUTDOWN_S)
            for task in late:
                task.cancel()
        await self.applications.aclose()

    # --- The pulse ----------------------------------------------------------------------------------------------------
    async def tick(self) -> bool:
        """One frame for every leg: first all speak, then all hear. False when no leg is left."""
        legs = list(self._legs.values())
        marks = [leg.speak() for leg in legs]
        for leg, reached in zip(legs, marks, strict=True):
            if reached:
                await leg.deliver(reached)
            await leg.hear()
        self._check_deadlines(legs)
        return bool(self._legs)

    def _check_deadlines(self, legs: list[Leg]) -> None:
        now = self.clock.now()
        for leg in legs:
            if leg.deadline_s is not None and now >= leg.deadline_s:
                self._end(leg, leg.deadline_status)

    # --- Calling ------------------------------------------------------------------------------------------------------
    async def _originate(self, leg: Leg, placement: Placement) -> None:
        self._move(leg, Status.INITIATED)
        far = self._ring(leg, placement.to, placement.timeout_s, placement=placement)
        far.other, leg.other = leg, far
        leg.join(far)
        await leg.answered.wait()
        detection = self._own(self._detect(leg, far, placement))
        if placement.detection and placement.async_detection is None:
            await asyncio.wait([detection])
        if placement.send_digits:
            await leg.play(sound.from_digits(placement.send_digits))
        await self._perform(leg, placement.source)

    async def dial(self, leg: Leg, verb: twiml.Dial) -> Leg:
        """<Dial>: rings the number, bridges it to the dialling leg's peer, returns the leg when it is over."""
        if not is_number(verb.number):
            raise CallFailed(13224, f"<Dial> needs a number like +15550100123, not {verb.number[:40]!r}.")
        dialled = self._ring(leg, verb.number, verb.timeout_s, verb.caller_id or leg.call.to)
        dialled.time_limit_s = verb.time_limit_s
        leg.dialled, dialled.dialler = dialled, leg
        try:
            await _first(dialled.answered, dialled.ended)
            if not dialled.ended.is_set():
                dialled.join(leg.peer)
                await dialled.ended.wait()
        finally:
            leg.dialled = None
            self._end(dialled, dialled.hang_up_status)
        return dialled

    def _ring(
        self, caller: Leg, number: str, timeout_s: float, from_: str = "", placement: Placement | None = None
    ) -> Leg:
        """A leg to `number`, ringing; its application (or fixed behaviour) decides whether it is answered."""
        entry = self.directory.by_number(number)
        callback = entry.status_callback if entry else self.setup.default_status_callback
        method = entry.status_callback_method if entry else "POST"
        account, line = (placement.far_account, placement.far_line) if placement else (None, None)
        source = placement.far_source if placement else None
        subscription = Subscription("" if source else callback, method)
        far = self._new_leg(from_ or caller.call.from_, number, "inbound", subscription, account, line)
        far.call.parent_sid = caller.call.sid
        far.call.phone_number_sid = entry.sid if entry else ""
        far.deadline_s = self.clock.now() + timeout_s
        self._start(far, lambda: self._incoming(far, caller, source))
        return far

    async def _incoming(self, far: Leg, caller: Leg, source: Source | None) -> None:
        behaviour = None if source else FIXED_NUMBERS.get(far.call.to)
        if behaviour is Behaviour.BUSY:
            raise Rejected("busy")
        if behaviour is Behaviour.FAILED:
            raise CallFailed(13224, "This number of the sandbox always fails.")
        self._move(far, Status.RINGING)
        self._move(caller, Status.RINGING)
        if behaviour is None:
            await self._perform(far, source or self._voice_of(far.call.to))
            return
        if behaviour is Behaviour.MACHINE:
            far.time_limit_s = machine.RECORDS_S
        if behaviour is not Behaviour.NO_ANSWER:
            self.answer(far)
        if behaviour is Behaviour.MACHINE:
            await machine.greet(far, self.speak)
        await far.ended.wait()

    def _voice_of(self, number: str) -> Source:
        entry = self.directory.by_number(number)
        if entry and entry.voice_url:
            return Source(
                entry.voice_url, entry.voice_method, "", entry.voice_fallback_url, entry.voice_fallback_method
            )
        if entry is None and self.setup.default_voice_url:
            return Source(self.setup.default_voice_url)
        raise CallFailed(
            13224, "Nobody answers at this number: give it a voice_url, or start with --default-voice-url."
        )

    async def _perform(self, leg: Leg, source: Source) -> None:
        await Performance(leg, self).run(source)

    def answer(self, leg: Leg) -> None:
        """Both ends of the call are answered at once."""
        for each in (leg, leg.other):
            if each is not None and not each.answered.is_set() and self._move(each, Status.IN_PROGRESS):
                each.deadline_status = Status.COMPLETED
                limit_s = each.time_limit_s
                each.deadline_s = None if limit_s is None else self.clock.now() + limit_s
                each.answered.set()

    async def _detect(self, leg: Leg, far: Leg, placement: Placement) -> None:
        """Tells who answered. Nothing listens: the exchange knows its own answering machine and says so, and of all
        others "unknown", which is Twilio's word for that."""
        if not placement.detection:
            return
        began, answered_by = self.clock.now(), "unknown"
        if FIXED_NUMBERS.get(far.call.to) is Behaviour.MACHINE and placement.far_source is None:
            answered_by = "machine_start"
            if placement.detection == "DetectMessageEnd":
                await _first(far.beeped, far.ended)
                answered_by = "machine_end_beep"
        if leg.ended.is_set():
            return
        leg.call.answered_by = answered_by
        detection = placement.async_detection
        if detection is None or not detection.url:
            return
        parameters = {
            "CallSid": leg.call.sid,
            "AccountSid": leg.call.account_sid,
            "AnsweredBy": answered_by,
            "MachineDetectionDuration": str(round(1000 * (self.clock.now() - began))),
        }
        leg.reports.post(Webhook(detection.url, detection.method, parameters))

    # --- Legs ---------------------------------------------------------------------------------------------------------
    def _new_leg(
        self,
        from_: str,
        to: str,
        direction: str,
        subscription: Subscription,
        account: Account | None = None,
        line: LineFilter | None = None,
    ) -> Leg:
        owner = account or self.accounts.own
        self.accounts.admit(owner)
        applications = self.applications.signing_with(owner.token)
        call = CallRecord(owner.sid, to, from_, direction, self.clock.utc(), account=account)
        reports = Reports(subscription, applications, self.clock, call.note, self._own)
        leg = Leg(call, applications, reports, sound.DigitListener(), line or self._line(call))
        self._calls[call.sid] = call
        self._legs[call.sid] = leg
        self._forget_old_calls()
        if self._pulse is None or self._pulse.done():
            self._pulse = self._own(self.ticker.run())
        return leg

    def _forget_old_calls(self) -> None:
        for sid in list(self._calls)[: max(0, len(self._calls) - KEPT_CALLS)]:
            if sid not in self._legs:
                del self._calls[sid]

    def _start(self, leg: Leg, work: Work) -> None:
        leg.task = self._own(self._run(leg, work))

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, leg: Leg, work: Work) -> None:
        try:
            await work()
        except Rejected as rejection:
            self._end(leg, rejection.status)
        except CallFailed as failure:
            leg.note(failure.problem)
            self._end(leg, Status.FAILED)
        except Exception:
            # A fault of ours must leave no call that never ends: this one fails, with Twilio's code for it.
            log.exception("Call %s broke.", leg.call.sid)
            leg.note(BROKE)
            self._end(leg, Status.FAILED)
        else:
            self._end(leg, Status.COMPLETED)

    def _move(self, leg: Leg, status: Status) -> bool:
        if not leg.call.move(status, self.clock.utc()):
            return False
        event = {Status.IN_PROGRESS: "answered", Status.INITIATED: "initiated", Status.RINGING: "ringing"}
        leg.reports.report(event.get(status, "completed"), self._report_of(leg))
        return True

    def _report_of(self, leg: Leg) -> dict[str, str]:
        call = leg.call
        parameters = {**leg.parameters(), "Timestamp": str(rfc2822(self.clock.utc()))}
        if call.is_over:
            parameters["CallDuration"] = str(call.duration_s)
            parameters["Duration"] = str(-(-call.duration_s // 60))
            parameters |= _line_of(leg)
        if failure := _failure_of(leg):
            parameters |= {"ErrorCode": str(failure.code), "ErrorMessage": failure.message}
        return parameters

    def _end(self, leg: Leg, status: Status) -> None:
        """Ends a leg, and what hangs on it. Harmless on a leg that is over."""
        if not self._move(leg, status):
            return
        self._legs.pop(leg.call.sid, None)
        leg.leave()
        if leg.task is not None and leg.task is not asyncio.current_task():
            leg.task.cancel()
        if leg.other is not None:
            self._end_other(leg.other, leg)
        if leg.dialled is not None:
            self._end(leg.dialled, leg.dialled.hang_up_status)

    def _end_other(self, other: Leg, ended: Leg) -> None:
        """The other end of a call: it has had a call that completed, or it learns why it has had none."""
        if other.call.is_over:
            return
        status = other.hang_up_status
        if not other.call.is_answered and ended.call.status in _REFUSALS:
            status = ended.call.status
            for problem in ended.call.problems:
                other.note(problem)
        self._end(other, status)


def _failure_of(leg: Leg) -> Problem | None:
    """What ended the call or, once it is over, kept either party's media stream from it."""
    ended = [problem for problem in leg.call.problems if problem.is_fatal]
    heard = [*leg.call.problems, *(leg.other.call.problems if leg.other else ())] if leg.call.is_over else []
    return next(iter([*ended, *(problem for problem in heard if problem.code == STREAM_REFUSED)]), None)


def _line_of(leg: Leg) -> dict[str, str]:
    """The sandbox's own parameters of a call that is over: what the line did to both directions, where it did."""
    told = {"SandboxLineSent": leg.line_told, "SandboxLineHeard": leg.other.line_told if leg.other else ""}
    return {name: figures for name, figures in told.items() if figures}


async def _first(*events: asyncio.Event) -> None:
    """Until one of the events is set."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waiting:
            each.cancel()
