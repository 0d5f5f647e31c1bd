"""One reply of ours: its sentences, where each plays, and how much of it was heard. No asyncio, no Django."""

from dataclasses import dataclass, field

from agents.ports import Word
from calls.events import ReplyCut, ReplyFinished
from calls.playback import SAMPLES_PER_MS
from calls.states import Side

# Speech runs at about 15 characters a second; an unfinished sentence is taken to be at least so long.
SAMPLES_PER_CHAR = 8000 // 15


@dataclass(slots=True)
class Sentence:
    text: str
    start: int  # samples on the call's clock
    end: int
    is_complete: bool = False  # all of its audio is queued

    def heard(self, now: int) -> str:
        """The whole words that were played by `now`, words taken to be as long as they are written."""
        end = self.end if self.is_complete else max(self.end, self.start + len(self.text) * SAMPLES_PER_CHAR)
        if now >= end:
            return self.text
        played_chars = len(self.text) * (now - self.start) / max(1, end - self.start)
        heard: list[str] = []
        position = 0
        for word in self.text.split():
            position += len(word)
            if position > played_chars:
                break
            heard.append(word)
            position += 1
        return " ".join(heard)


@dataclass(slots=True)
class Reply:
    """What we say in answer to one stimulus. `turn` is given when its first sound is queued."""

    turn: int | None = None
    sentences: list[Sentence] = field(default_factory=list)
    latencies: dict[str, float] = field(default_factory=dict)
    last_mark: str = ""
    asked_to_hang_up: bool = False

    @property
    def text(self) -> str:
        return " ".join(filter(None, (sentence.text for sentence in self.sentences)))

    @property
    def start_ms(self) -> int:
        return self.sentences[0].start // SAMPLES_PER_MS

    @property
    def end(self) -> int:
        return self.sentences[-1].end if self.sentences else 0

    def heard(self, now: int) -> str:
        return " ".join(filter(None, (s.heard(now) for s in self.sentences if s.start < now)))

    def rest(self, now: int) -> str:
        """What was not heard, from the beginning of the word in which it was cut."""
        return self.text[len(self.heard(now)) :].strip()

    def words(self) -> tuple[Word, ...]:
        """Word times by length within each sentence: our own text is known, its times are an estimate."""
        words: list[Word] = []
        for sentence in self.sentences:
            per_char = (sentence.end - sentence.start) / SAMPLES_PER_MS / max(1, len(sentence.text))
            position = 0
            for word in sentence.text.split():
                start_ms = sentence.start / SAMPLES_PER_MS + position * per_char
                words.append(Word(word, round(start_ms), round(start_ms + len(word) * per_char)))
                position += len(word) + 1
        return tuple(words)

    def finished(self, turn: int, side: Side, at_ms: int) -> ReplyFinished:
        return ReplyFinished(
            at_ms=at_ms,
            side=side,
            turn=turn,
            text=self.text,
            start_ms=self.start_ms,
            end_ms=self.end // SAMPLES_PER_MS,
            words=self.words(),
            latencies=self.latencies,
        )

    def cut(self, turn: int, side: Side, now: int) -> ReplyCut:
        """`now` in samples, as everywhere here."""
        return ReplyCut(
            at_ms=now // SAMPLES_PER_MS,
            side=side,
            turn=turn,
            text=self.text,
            heard=self.heard(now),
            start_ms=self.start_ms,
            end_ms=max(self.start_ms, min(now, self.end) // SAMPLES_PER_MS),
            latencies=self.latencies,
        )
