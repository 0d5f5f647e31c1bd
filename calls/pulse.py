"""The audio and the leases of all live calls of one event loop, in one beat.

A hop into a thread costs more than the write that it carries. So every `PULSE_S` one hop appends what came in of every
call, in a thread that touches no database: a locked database keeps no audio from the disk.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import InterfaceError, OperationalError

from calls import recording_files
from calls.threads import POOL, with_fresh_connections

PULSE_S: Final = 0.6  # with the session's flush every 200 ms: on the disk within a second
RENEWALS: Final = 3  # of a lease in its time: one may fail without the sweep taking the call for dead
MAX_WAITING_BYTES: Final = 5 * 60 * 8000  # of a channel: five minutes without a disk

# Returns those of the calls that are to end: what was ordered while no order came through.
RenewLeases = Callable[[Collection[int]], Collection[int]]

log = logging.getLogger(__name__)
_WRITER: Final = ThreadPoolExecutor(1, thread_name_prefix="recording")


class Track:
    """One live call's stereo audio that is not on the disk yet: bounded, the channels of equal length."""

    def __init__(self, call_id: int, path: Path) -> None:
        self.call_id = call_id
        self.path = path
        self.on_hung_up: Callable[[], None] = lambda: None
        self.dropped = 0
        self._caller, self._agent = bytearray(), bytearray()

    @property
    def is_empty(self) -> bool:
        return not self._caller

    def add(self, caller: bytes, agent: bytes) -> None:
        if len(self._caller) + len(caller) > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._caller += caller
        self._agent += agent

    def take(self) -> tuple[bytes, bytes]:
        taken = bytes(self._caller), bytes(self._agent)
        self._caller.clear()
        self._agent.clear()
        return taken

    def put_back(self, taken: tuple[bytes, bytes]) -> None:
        self._caller[:0], self._agent[:0] = taken


Piece = tuple[Track, tuple[bytes, bytes]]


class Pulse:
    """Beats while there are tracks."""

    def __init__(self, renew_leases: RenewLeases) -> None:
        self._renew_leases = renew_leases
        self._tracks: set[Track] = set()
        self._beating: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def join(self, track: Track) -> None:
        self._tracks.add(track)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    async def leave(self, track: Track) -> None:
        """Nothing more will come: write what is left of it. What the disk does not take is lost, and counted."""
        self._tracks.discard(track)
        # Also when nothing is left: there is one thread, so this is over when what a beat is writing of it is.
        await self._write([track])
        if not track.is_empty:
            track.dropped += 1
        if not self._tracks and self._renewing is not None:
            await asyncio.wait([self._renewing])

    async def _beat(self) -> None:
        loop = asyncio.get_running_loop()
        lease_at = loop.time()
        while self._tracks:
            await asyncio.sleep(PULSE_S)
            await self._write(self._tracks)
            is_due = self._tracks and loop.time() >= lease_at
            if is_due and (self._renewing is None or self._renewing.done()):
                lease_at = loop.time() + settings.CALL_LEASE_S / RENEWALS
                self._renewing = asyncio.create_task(self._renew([track.call_id for track in self._tracks]))

    async def _write(self, tracks: Iterable[Track]) -> None:
        pieces = [(track, track.take()) for track in tracks if not track.is_empty]
        for track, taken in await asyncio.get_running_loop().run_in_executor(_WRITER, _append, pieces):
            track.put_back(taken)

    async def _renew(self, call_ids: list[int]) -> None:
        try:
            over = await asyncio.get_running_loop().run_in_executor(POOL, self._renew_leases, call_ids)
            for track in [track for track in self._tracks if track.call_id in over]:
                track.on_hung_up()
        except (OperationalError, InterfaceError) as error:
            log.warning("The database did not renew the leases of live calls: %s.", type(error).__name__)


def _append(pieces: list[Piece]) -> list[Piece]:
    """In the thread. Returns what could not be written."""
    failed = []
    for piece in pieces:
        track, (caller, agent) = piece
        try:
            recording_files.append(track.path, caller, agent)
        except OSError as error:
            log.warning("A recording could not be written: %s.", type(error).__name__)
            failed.append(piece)
    return failed


_PULSES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Pulse]] = WeakKeyDictionary()


def pulse(renew_leases: RenewLeases) -> Pulse:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _PULSES:
        _PULSES[loop] = Pulse(with_fresh_connections(renew_leases))
    return _PULSES[loop]
