"""What a speech-to-speech brain says on a call: its audio as it is played, its words, and what becomes of it when cut.

asyncio only, no Django. A reply of ours lasts from its first sound until all that was queued has been played; an answer
of several items (words, a function call, more words) is one reply as long as there is no pause in its sound.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from calls import events
from calls.playback import SAMPLES_PER_MS
from calls.reply import Reply, Sentence
from calls.speaker import Speaker
from calls.states import Side

# Words come one by one and faster than they are played: not each of them is news.
TELL_EVERY_MS: Final = 400
# The mark of a reply's end may be lost on the way; the call goes on without it.
MARK_GRACE_MS: Final = 2_000


class Floor(Protocol):
    @property
    def now(self) -> int: ...

    def new_turn(self) -> int: ...

    def emit(self, event: events.CallEvent) -> None: ...


class Spoken:
    """All methods are on the audio path or beside it, and none waits."""

    def __init__(
        self, side: Side, speaker: Speaker, floor: Floor, *, truncate: Callable[[str, int], None] | None = None
    ) -> None:
        """`truncate(item, played_ms)` is told of each item that was cut."""
        self._side = side
        self._speaker = speaker
        self._floor = floor
        self._truncate = truncate
        self.played = asyncio.Event()  # nothing is being said
        self.played.set()
        self._reply: Reply | None = None
        self._items: dict[str, Sentence] = {}  # of the present reply
        self._texts: dict[str, str] = {}  # words whose sound has not come yet
        self._cut: set[str] = set()  # what still comes of these is not wanted
        self._told_text = ""
        self._told_at_ms = 0

    @property
    def is_speaking(self) -> bool:
        return self._reply is not None

    @property
    def reply(self) -> Reply:
        """The present one, else a new one."""
        if self._reply is None:
            self._reply = Reply()
            self.played.clear()
            self._items.clear()
            self._told_text = ""
        return self._reply

    # --- What the brain says ------------------------------------------------------------------------------------------
    def sound(self, item: str, payload: bytes, latencies: dict[str, float]) -> None:
        """A piece of an item's audio; `latencies` count if it is the first of a reply."""
        if item in self._cut or not payload:
            return
        start, end = self._speaker.play(payload)
        reply = self.reply
        if item not in self._items:
            sentence = self._items[item] = Sentence(self._texts.pop(item, ""), start, end)
            reply.sentences.append(sentence)
            if reply.turn is None:
                reply.turn = self._floor.new_turn()
                reply.latencies |= latencies
        self._items[item].end = end
        self._tell(reply)

    def words(self, item: str, text: str) -> None:
        """All the words of an item so far."""
        if item in self._cut:
            return
        if item not in self._items:
            self._texts[item] = text
        elif self._reply is not None:
            self._items[item].text = text
            self._tell(self._reply)

    def ended(self, item: str, text: str) -> None:
        """No more of this item will come."""
        self._texts.pop(item, None)
        reply, sentence = self._reply, self._items.get(item)
        if reply is None or sentence is None or item in self._cut:
            return
        sentence.text, sentence.is_complete = text or sentence.text, True
        self._speaker.mark(reply)
        self._tell(reply, at_once=True)

    def said(self, _: Sentence) -> None:
        """A voice of ours spoke a sentence of the present reply."""
        reply = self.reply
        if reply.turn is None:
            reply.turn = self._floor.new_turn()
        self._tell(reply, at_once=True)

    def abandon(self) -> None:
        """The brain is dead: nothing more will come of what it was saying; what there is plays to its end."""
        self._texts.clear()
        for item, sentence in self._items.items():
            if not sentence.is_complete:
                self.ended(item, "")

    # --- What becomes of it -------------------------------------------------------------------------------------------
    def cut(self) -> None:
        """The far end speaks: stop at once."""
        reply, now = self._reply, self._floor.now
        self._cut |= self._texts.keys()
        self._texts.clear()
        if reply is None or (all(s.is_complete for s in reply.sentences) and now >= reply.end):
            return  # it has been played; only its last mark is still on its way back
        self._speaker.clear()
        for item, sentence in self._items.items():
            if now < sentence.end or not sentence.is_complete:
                self._cut.add(item)
                if self._truncate is not None:
                    self._truncate(item, max(0, min(now, sentence.end) - sentence.start) // SAMPLES_PER_MS)
        self._tell_cut(reply, now)

    def drop_unsaid(self) -> None:
        """Of a reply that a voice of ours was to speak there is no sound, and none will come."""
        if self._reply is not None and not self._reply.sentences:
            self._over()

    def finish(self) -> None:
        """The call is over: what was being said is cut here; nobody is left to be told how much of it was played."""
        self._truncate = None
        self.cut()

    def tick(self) -> None:
        """The clock advanced: perhaps the reply has been played to its end."""
        reply, now, playback = self._reply, self._floor.now, self._speaker.playback
        if reply is None or not reply.sentences or playback.is_playing(now):
            return
        if not all(s.is_complete for s in reply.sentences):
            return
        overdue = now - playback.end > MARK_GRACE_MS * SAMPLES_PER_MS
        if playback.awaits(reply.last_mark) and not overdue:
            return
        self._over()
        if reply.turn is not None:
            self._tell_finished(reply, reply.turn)

    def _over(self) -> None:
        self._reply = None
        self.played.set()

    # --- Telling ------------------------------------------------------------------------------------------------------
    def _tell(self, reply: Reply, at_once: bool = False) -> None:
        now_ms = self._floor.now // SAMPLES_PER_MS
        if reply.turn is None or not reply.text or reply.text == self._told_text:
            return
        if not self._told_text:
            latencies = dict(reply.latencies)
            self._floor.emit(
                events.ReplyStarted(
                    at_ms=reply.start_ms, side=self._side, turn=reply.turn, text=reply.text, latencies=latencies
                )
            )
        elif at_once or now_ms - self._told_at_ms >= TELL_EVERY_MS:
            self._floor.emit(events.ReplyExtended(at_ms=now_ms, side=self._side, turn=reply.turn, text=reply.text))
        else:
            return
        self._told_text, self._told_at_ms = reply.text, now_ms

    def _tell_finished(self, reply: Reply, turn: int) -> None:
        self._floor.emit(reply.finished(turn, self._side, self._floor.now // SAMPLES_PER_MS))

    def _tell_cut(self, reply: Reply, now: int) -> None:
        self._over()
        if reply.turn is not None:
            self._floor.emit(reply.cut(reply.turn, self._side, now))
