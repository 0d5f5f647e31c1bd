"""Stereo calls whose truth is known: real speech placed at planned times, and what the definitions make of the plan.

Truth of a clip: from the first to the last 10 ms (found in steps of 1 ms) that count as speech by docs/measures.md: in
the telephone band, within 15.9 dB of the clip's active level (ITU-T P.56), and so are some 30 ms around them. A clip is
cut where it was last 3 dB louder than that, as a line's silence suppression does: a fade crosses a level slowly, so its
end hangs on the level's last decibel, while an end that is cut is known to the millisecond. With `fades=True` the clip
stays whole. Everything that is counted is planned, and drawn again where it would lie near the border of a definition
(an overlap of 310 ms is an interruption or none by the grid alone).
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from agents.ports import Samples
from agents.providers.registry import make_voice
from calls.audio import wav
from calls.audio.resample import resample

RATE_HZ: Final = 8000
PER_MS: Final = RATE_HZ // 1000
BELOW_DB: Final = 15.9  # under the active level: the faintest speech
CUT_DB: Final = 12.9  # where clips are cut, 3 dB above it, so that their ends are beyond doubt
BAND_HZ: Final = (300.0, 3400.0)
PAUSE_MS: Final = 200
SURE_PAUSE_MS: Final = 140
LONGEST_PAUSE_MS: Final = 450  # within a clip, so that it is one utterance whatever the noise
LEVEL: Final = 2500.0  # the rms that each clip's speech is set to, about −22 dBFS
CALLER, AGENT = 0, 1
PROMPTS: Final = tuple(Path(f"/usr/share/asterisk/sounds/{name}") for name in ("en_US_f_Allison", "en"))
VOICES: Final = ("hibari:heart", "hibari:deep", "joe:joe")
SENTENCES: Final = (
    "Hello, this is Burger Bot, what would you like to order today?",
    "I would like two cheeseburgers and a large coke please.",
    "Your total is twelve dollars and fifty cents.",
    "My name is Dana Smith and I live at forty two Park Street.",
    "Can you tell me when the order will be ready?",
    "Sure, what size of fries would you like with that?",
    "I am calling about the invoice that you sent last week.",
    "Please hold the line while I look that up for you.",
    "The appointment is on Thursday at half past three.",
    "That does not sound right to me at all.",
    "Let me check whether that table is still free.",
    "Six of them would be enough for all of us.",
)
SHORT: Final = ("Okay.", "Right.", "Yes.", "I see.", "Sure.")
Random = np.random.Generator
Floats = npt.NDArray[np.float64]
Span = tuple[int, int]


# --- Speech -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Clip:
    """One utterance: its audio and its true segments in milliseconds from the audio's start."""

    audio: Samples
    spans: tuple[Span, ...]

    @property
    def first_ms(self) -> int:
        return self.spans[0][0]

    @property
    def length_ms(self) -> int:
        return self.spans[-1][1] - self.spans[0][0]


def true_spans(
    audio: Samples, level: float | None = None, below_db: float = BELOW_DB, pause_ms: int = PAUSE_MS
) -> tuple[Span, ...]:
    """Segments of the clip alone, found in steps of 1 ms; `level`: the power that they are held against (default: the
    clip's own active level). The definition of docs/measures.md, computed by other means than the product's."""
    heard = telephone_band(audio)
    faintest = (level or active_level(audio)) * 10 ** (-below_db / 10)
    over = [sliding_mean(np.square(heard), length_ms) >= faintest for length_ms in (10, 30)]
    lasting = np.convolve(np.pad(over[1], (0, 20)), np.ones(21), "full")[: len(over[0])] > 0
    spoken = np.flatnonzero(over[0] & lasting)
    if not len(spoken):
        return ()
    breaks = np.flatnonzero(np.diff(spoken) - 10 >= pause_ms)
    starts, ends = np.append(spoken[0], spoken[breaks + 1]), np.append(spoken[breaks], spoken[-1]) + 10
    return tuple((int(start), int(end)) for start, end in zip(starts, ends, strict=True))


def sliding_mean(power: Floats, length_ms: int) -> Floats:
    """Of the windows that begin at each millisecond and lie within the audio."""
    length = length_ms * PER_MS
    sums = np.concatenate([[0.0], np.cumsum(power)])
    means: Floats = ((sums[length:] - sums[:-length]) / length)[::PER_MS]
    return means


def telephone_band(audio: Samples) -> Floats:
    """300 to 3400 Hz, in phase: a Butterworth magnitude of 8th order each way, applied to the whole clip's spectrum."""
    padded = np.pad(audio.astype(np.float64), 800)
    at = np.maximum(np.fft.rfftfreq(len(padded), 1 / RATE_HZ), 1e-3)
    gain = 1 / np.sqrt((1 + (BAND_HZ[0] / at) ** 16) * (1 + (at / BAND_HZ[1]) ** 16))
    heard: Floats = np.fft.irfft(np.fft.rfft(padded) * gain, len(padded))[800 : 800 + len(audio)]
    return heard


def active_level(audio: Samples) -> float:
    """The mean power of the steps of 10 ms that are within 15.9 dB of just this mean (ITU-T P.56), in the band."""
    steps = sliding_mean(np.square(telephone_band(audio)), 10)[::10]
    level = float(np.percentile(steps, 95))
    for _ in range(20):
        level = float(steps[steps >= level * 10 ** (-BELOW_DB / 10)].mean())
    return level


def clip_of(audio: Samples, fades: bool) -> Clip | None:
    """None for what is no single utterance."""
    level = active_level(audio)
    if not fades and (edges := true_spans(audio, level, CUT_DB)):
        audio = faded(audio[edges[0][0] * PER_MS : edges[-1][1] * PER_MS])
    spans = true_spans(audio, level)
    pauses = [after[0] - before[1] for before, after in pairwise(spans)]
    if not spans or any(pause > LONGEST_PAUSE_MS for pause in pauses):
        return None
    spoken = np.concatenate([audio[start * PER_MS : end * PER_MS] for start, end in spans]).astype(np.float64)
    gain = LEVEL / max(1.0, float(np.sqrt(np.square(spoken).mean())))
    return Clip(np.clip(audio * gain, -32768, 32767).astype(np.int16), spans)


def faded(audio: Samples) -> Samples:
    """Silent to full and back within 2 ms: no click."""
    ramp = np.minimum(1, np.arange(len(audio)) / (2 * PER_MS))
    sound: Samples = (audio * ramp * ramp[::-1]).astype(np.int16)
    return sound


@dataclass
class Speech:
    """Clips by speaker. `prompts`: how many of them a person recorded."""

    long: list[list[Clip]] = field(default_factory=list)
    short: list[list[Clip]] = field(default_factory=list)
    prompts: int = 0


def load_speech(random: Random, *, fades: bool = False) -> Speech:
    speech = Speech()
    for voice in VOICES:
        said = asyncio.run(_spoken(voice, (*SENTENCES, *SHORT)))
        _add(speech, said, fades)
    folder = next((path for path in PROMPTS if path.is_dir()), None)
    if folder is not None:
        recorded = [wav.read(path)[0][:, 0] for path in sorted(folder.glob("*.wav"))]
        recorded = [audio for audio in recorded if 0.6 < len(audio) / RATE_HZ < 6]
        before = sum(map(len, speech.long))
        _add(speech, [recorded[at] for at in random.permutation(len(recorded))[:80]], fades)
        speech.prompts = sum(map(len, speech.long)) - before
    return speech


def _add(speech: Speech, recordings: Sequence[Samples], fades: bool) -> None:
    clips = [clip for audio in recordings if (clip := clip_of(np.ascontiguousarray(audio), fades))]
    speech.long.append([clip for clip in clips if clip.length_ms >= 1300])
    speech.short.append([clip for clip in clips if 250 <= clip.length_ms <= 850])


async def _spoken(voice: str, texts: Sequence[str]) -> list[Samples]:
    port, said = make_voice(voice), []
    for text in texts:
        pieces = [audio async for audio in port.synthesize(text)]
        whole = np.concatenate([piece.samples for piece in pieces])
        said.append(resample(whole, pieces[0].sample_rate_hz, RATE_HZ))
    return said


# --- The plan ---------------------------------------------------------------------------------------------------------
@dataclass
class Truth:
    """What the definitions of docs/measures.md make of the plan. Times in milliseconds."""

    replies: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    agent_interruptions: int = 0
    caller_interruptions: int = 0
    unanswered_turns: int = 0
    dead_air: int = 0


@dataclass(frozen=True, eq=False)
class Placed:
    """A clip on a channel; its true edges on the call's clock."""

    clip: Clip
    side: int
    at_ms: int  # where its audio begins

    @property
    def start_ms(self) -> int:
        return self.at_ms + self.clip.spans[0][0]

    @property
    def end_ms(self) -> int:
        return self.at_ms + self.clip.spans[-1][1]

    def spans(self) -> list[Span]:
        return [(self.at_ms + start, self.at_ms + end) for start, end in self.clip.spans]

    def surely_spoken(self) -> list[Span]:
        """Without the pauses that a few milliseconds make one or none."""
        spans = true_spans(self.clip.audio, pause_ms=SURE_PAUSE_MS)
        return [(self.at_ms + start, self.at_ms + end) for start, end in spans]


class Plan:
    """One call, scene by scene: each begins with the floor free and ends with the agent's last word."""

    def __init__(self, speech: Speech, random: Random) -> None:
        self._random = random
        voices = random.permutation(len(speech.long))
        self._clips = [speech.long[voices[0]], speech.long[voices[1]]]
        self._short = speech.short[voices[0]] or [clip for clips in speech.short for clip in clips]
        self.placed: list[Placed] = []
        self.truth = Truth()
        self._now_ms = self._put(AGENT, self._between(600, 1600)).end_ms

    def play(self, scene: "Callable[[Plan], None]") -> None:
        scene(self)
        self._now_ms = max(each.end_ms for each in self.placed)

    @property
    def duration_ms(self) -> int:
        return self._now_ms + 1200

    def channels(self) -> list[Samples]:
        made = [np.zeros(self.duration_ms * PER_MS, np.int32) for _ in (CALLER, AGENT)]
        for each in self.placed:
            at = each.at_ms * PER_MS
            audio = each.clip.audio[: len(made[0]) - at]
            made[each.side][at : at + len(audio)] += audio
        return [np.clip(channel, -32768, 32767).astype(np.int16) for channel in made]

    # --- What scenes are made of
    def _between(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high))

    def _pick(self, side: int, at_least_ms: int = 0) -> Clip:
        fit: list[Clip] = [clip for clip in self._clips[side] if clip.length_ms >= at_least_ms]
        fit = fit or [max(self._clips[side], key=lambda clip: clip.length_ms)]
        chosen: Clip = fit[self._between(0, len(fit))]
        return chosen

    def _put(self, side: int, start_ms: int, clip: Clip | None = None) -> Placed:
        """The first speech of the clip is at `start_ms` (or as near as its audio's beginning lets it be)."""
        clip = clip or self._pick(side)
        self.placed.append(Placed(clip, side, max(0, start_ms - clip.first_ms)))
        return self.placed[-1]

    def _caller(self) -> Placed:
        return self._put(CALLER, self._now_ms + self._between(300, 1200))

    def _reply(self, turn: Placed, delay_ms: int, at_least_ms: int = 0) -> Placed:
        reply = self._put(AGENT, turn.end_ms + delay_ms, self._pick(AGENT, at_least_ms))
        self.truth.replies.append(reply.start_ms - turn.end_ms)
        return reply

    # --- Scenes
    def plain(self) -> None:
        self._reply(self._caller(), self._between(150, 2500))

    def pause_within_a_turn(self) -> None:
        first = self._caller()
        second = self._put(CALLER, first.end_ms + self._between(700, 1300))
        self._reply(second, self._between(300, 1800))

    def early_start(self) -> None:
        turn = self._caller()
        self._reply(turn, -self._between(60, 240), at_least_ms=1300)

    def agent_interrupts(self) -> None:
        turn = self._caller()
        for _ in range(50):
            mark = len(self.placed), len(self.truth.replies)
            reply = self._reply(turn, -self._between(500, min(1100, turn.clip.length_ms - 150)), at_least_ms=1500)
            outlasts = turn.start_ms + 400 < reply.start_ms and reply.end_ms > turn.end_ms + 150
            if outlasts and shared_ms(reply.surely_spoken(), turn.surely_spoken()) >= 380:
                self.truth.agent_interruptions += 1
                return
            del self.placed[mark[0] :], self.truth.replies[mark[1] :]
        self._reply(turn, 400)

    def caller_interrupts(self) -> None:
        held = self._reply(self._caller(), self._between(300, 1500), at_least_ms=2600)
        over = self._put(CALLER, held.start_ms + self._between(900, max(901, held.clip.length_ms - 1500)))
        for _ in range(50):
            cut = cut_at(held, over.start_ms + self._between(420, 1500))
            stop_ms = cut.end_ms - over.start_ms
            yielded = cut.end_ms < min(held.end_ms - 50, over.end_ms - 700)
            if yielded and stop_ms < 1900 and shared_ms(cut.surely_spoken(), over.surely_spoken()) >= 380:
                self.placed[self.placed.index(held)] = cut
                self.truth.caller_interruptions += 1
                self.truth.stops.append(stop_ms)
                break
        else:  # nothing fits: the caller waits instead
            self.placed.remove(over)
            over = self._put(CALLER, held.end_ms + self._between(300, 900))
        self._reply(over, self._between(300, 1500))

    def backchannel(self) -> None:
        held = self._reply(self._caller(), self._between(300, 1500), at_least_ms=2600)
        short = self._short[self._between(0, len(self._short))]
        latest_ms = held.end_ms - short.length_ms - 450
        if latest_ms > held.start_ms + 600:
            self._put(CALLER, self._between(held.start_ms + 600, latest_ms), short)

    def answered_after_dead_air(self) -> None:
        self._reply(self._caller(), self._between(5300, 7000))
        self.truth.unanswered_turns += 1
        self.truth.dead_air += 1

    def unanswered(self) -> None:
        turn = self._caller()
        is_dead = bool(self._random.integers(2))
        again = self._put(CALLER, turn.end_ms + (self._between(3300, 4500) if is_dead else self._between(1750, 2700)))
        self.truth.unanswered_turns += 1
        self.truth.dead_air += is_dead
        self._reply(again, self._between(300, 1800))


SCENES: Final = (
    Plan.plain,
    Plan.plain,
    Plan.pause_within_a_turn,
    Plan.early_start,
    Plan.agent_interrupts,
    Plan.caller_interrupts,
    Plan.backchannel,
    Plan.answered_after_dead_air,
    Plan.unanswered,
)


def make_plan(speech: Speech, random: Random, scenes: int = 6) -> Plan:
    plan = Plan(speech, random)
    for at in random.permutation(len(SCENES))[:scenes]:
        plan.play(SCENES[at])
    return plan


def cut_at(held: Placed, at_ms: int) -> Placed:
    """The clip stopped there, or where it last was loud enough for what is left of it."""
    kept = held.clip.audio[: max(0, at_ms - held.at_ms) * PER_MS]
    level = active_level(kept)
    kept = faded(kept[: true_spans(kept, level, CUT_DB)[-1][1] * PER_MS])
    return Placed(Clip(kept, true_spans(kept, level)), held.side, held.at_ms)


def shared_ms(left: Sequence[Span], right: Sequence[Span]) -> int:
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in left for b in right)
