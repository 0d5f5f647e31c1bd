"""The roles that a provider can play on a call: ears, voice, brain, and the sense of whether somebody speaks.

Pure: protocols and dataclasses. Audio is mono 16-bit PCM in numpy arrays of shape (n,), dtype int16, with its sample
rate beside it; times are milliseconds. A provider raises `agents.errors.ProviderError` and nothing else.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Audio:
    """Mono 16-bit PCM. `samples`: shape (n,), int16."""

    samples: Samples
    sample_rate_hz: int

    @property
    def duration_ms(self) -> float:
        return 1000 * len(self.samples) / self.sample_rate_hz


# --- Usage ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Usage:
    """What one request to a provider used, reported once when it ends, also where it failed."""

    capability: str  # ears, voice, brain, translation, judge
    provider: str
    model: str = ""
    input_tokens: int = 0  # cached ones included
    cached_tokens: int = 0
    output_tokens: int = 0
    audio_ms: float = 0.0  # of audio heard or spoken
    characters: int = 0  # of text spoken
    first_ms: float | None = None  # from the request to the first token or audio; None: the answer came whole, or never
    total_ms: float = 0.0
    error: str = ""  # the name of the ProviderError that ended it; "Stopped": we did (time limit, barge-in)


OnUsage = Callable[[Usage], None]


# --- Ears -------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Word:
    text: str
    start_ms: int  # from the start of the audio given
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    text: str  # "" where nothing was said
    language: str = ""  # BCP 47; "" where the provider does not tell
    words: tuple[Word, ...] = ()  # () where the provider gives no word times


class SpeechToText(Protocol):
    """Turns the audio of one turn into text."""

    name: str

    async def transcribe(self, audio: Audio, *, language: str = "", keywords: Sequence[str] = ()) -> Transcript: ...


class EarsStream(Protocol):
    """The live transcription of one side of one call."""

    def push(self, audio: Audio) -> None:
        """Audio in order, pieces of any length. Never waits; what went wrong is raised by the next `commit`."""
        ...

    async def commit(self) -> Transcript:
        """The turn ended: the text of what was pushed since the last commit."""
        ...

    async def lost(self) -> None:
        """Returns when no more can come: the connection is gone, or the stream is closed."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class EndedTurn:
    """The provider itself says that a turn has ended. Times: of the audio pushed so far, where the speech itself began
    and ended."""

    start_ms: int
    end_ms: int
    text: Awaitable[Transcript]  # raises ProviderError


class StreamingSpeechToText(Protocol):
    """Ears that may be told the audio while it is still being spoken: an optional extension of `SpeechToText`.

    `endpointing_ms`: so much silence ends a turn where the provider is to decide that; it must hear the silence then.
    None: turns end at `commit`.
    """

    name: str
    endpointing_ms: int | None

    async def open(
        self,
        on_partial: Callable[[str], None],
        *,
        on_turn: Callable[[EndedTurn], None] | None = None,
        language: str = "",
        keywords: Sequence[str] = (),
    ) -> EarsStream:
        """`on_partial` gets the whole text so far of the turn being spoken. With `on_turn` the provider itself decides
        where turns end and calls it with each; a `commit` ends one all the same. Without, turns end at `commit`."""
        ...


# --- Translation ------------------------------------------------------------------------------------------------------
class Translator(Protocol):
    name: str

    async def translate(self, text: str, source: str, target: str) -> str:
        """`source` and `target`: BCP 47; `source` may be "" (unknown)."""
        ...


class SpeechTranslator(Protocol):
    """Turns the audio of one turn into English text: an optional extension of `Translator`."""

    name: str

    async def translate_speech(self, audio: Audio, target: str) -> str:
        """Raises Misconfigured where that cannot work on this call: the text is translated then."""
        ...


# --- Voice ------------------------------------------------------------------------------------------------------------
class TextToSpeech(Protocol):
    """Speaks one sentence with the voice it was made for. Yields pieces in order, the first as soon as it can."""

    name: str

    def synthesize(self, text: str) -> AsyncIterator[Audio]: ...


# --- Voice activity ---------------------------------------------------------------------------------------------------
class VoiceActivityStream(Protocol):
    """One call's sense of speech. `push` takes 8 kHz samples of any length and never waits or blocks for long;
    for each full window it calls `on_probability(p)`, in order, at once or from the running event loop soon after."""

    def push(self, samples: Samples) -> None: ...

    def close(self) -> None: ...


class VoiceActivity(Protocol):
    """Decides whether 8 kHz audio is speech, one probability (0 to 1) per window of `window_samples`."""

    window_samples: int

    def open(self, on_probability: Callable[[float], None]) -> VoiceActivityStream: ...

    def probabilities(self, samples: Samples) -> npt.NDArray[np.float32]:
        """For a whole 8 kHz recording: shape (len(samples) // window_samples,)."""
        ...


# --- Brain ------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Answered:
    """The call was answered and the media stream runs: a side that speaks first may speak now."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The far end finished a turn."""

    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class FarSpeaking:
    """The far end has been speaking for `duration_ms`. Sent once, when `Attention.speaking_ms` is reached."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class Silence:
    """Nobody has spoken for `duration_ms`. Sent once per silence, when `Attention.silence_ms` is reached."""

    duration_ms: int


@dataclass(frozen=True, slots=True)
class DigitPressed:
    digit: str  # one of 0-9 * # A-D


Stimulus = Answered | Heard | FarSpeaking | Silence | DigitPressed


@dataclass(frozen=True, slots=True)
class Say:
    """Text to speak, in pieces of any length: the session cuts it into sentences. `interrupts`: speak now, over the
    far end, instead of waiting for its turn to end."""

    text: str
    interrupts: bool = False


@dataclass(frozen=True, slots=True)
class PressDigits:
    digits: str  # 0-9 * # A-D, w = wait half a second


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call once what was said before has been played."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth keeping as an event of the call: a tool call and its result, a capture, a left script."""

    name: str
    data: dict[str, object] = field(default_factory=dict)


Action = Say | PressDigits | HangUp | Note


@dataclass(frozen=True, slots=True)
class Attention:
    """What a brain wants to be told beside turns and digits; None: nothing."""

    silence_ms: int | None = None
    speaking_ms: int | None = None


class Brain(Protocol):
    """Decides what to say next. One per call and side; it keeps the history of the call.

    The session sends one stimulus at a time and plays the actions in order. When the far end cuts a reply, the
    session stops iterating (the iterator is closed) and calls `was_cut`.
    """

    name: str

    def respond(self, stimulus: Stimulus) -> AsyncIterator[Action]: ...

    def was_cut(self, heard: str) -> None:
        """Of the last reply only `heard` was played: the history must hold that, not what was written.

        "": nothing of it was played. Then the stimulus is forgotten with its reply, as if it had never come: it is
        sent again, merged with what the far end said on top of it.
        """
        ...

    @property
    def attention(self) -> Attention: ...

    async def aclose(self) -> None: ...


@runtime_checkable
class CallsFunctions(Protocol):
    """A brain whose functions may outlive the call: an optional extension of `Brain` and `SpeechToSpeech`."""

    async def last_notes(self) -> list[Note]:
        """The call is over: what functions answered and nobody was told yet. Waits a moment for those that work."""
        ...


@runtime_checkable
class Dictatable(Protocol):
    """A brain that can be told what an operator has said in its name: an optional extension of `Brain`."""

    def was_dictated(self, text: str) -> None:
        """`text` is spoken as a reply of the brain's own: its history holds it, and `was_cut` may follow."""
        ...


# --- Speech to speech -------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class FarSpeechStarted:
    """The provider hears the far end. Whoever plays a reply stops it now and calls `truncate`."""

    at_ms: int  # of the audio pushed so far: where the speech itself begins
    item: str = ""  # that FarTranscribed will name; "" where the provider does not tell


@dataclass(frozen=True, slots=True)
class FarSpeechStopped:
    at_ms: int  # where the speech itself ended, before the silence that told it
    item: str = ""


@dataclass(frozen=True, slots=True)
class FarTranscribed:
    """What the far end said in one turn: all of it so far, or all (`final`). May come after the reply began."""

    item: str
    text: str
    final: bool
    language: str = ""


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of our own reply. `mulaw`: headerless 8 kHz μ-law; it comes faster than it can be played."""

    item: str
    mulaw: bytes


@dataclass(frozen=True, slots=True)
class ReplyText:
    """The words of a reply: all of them so far."""

    item: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """No more audio of this reply will come. `cut`: the provider stopped it because the far end spoke. `item` "": the
    provider had nothing to say."""

    item: str
    text: str
    cut: bool = False


SpeechEvent = FarSpeechStarted | FarSpeechStopped | FarTranscribed | ReplyAudio | ReplyText | ReplyEnded | Note | HangUp


class SpeechToSpeech(Protocol):
    """Ears, brain and voice in one, for one side of one call: μ-law in, μ-law out, turns decided by the provider.

    `open` first; then `push` each inbound frame and iterate over `events` until the call ends. It answers what it
    hears; what cannot be heard it is told. Of its methods only `open` and `aclose` wait.
    """

    name: str

    async def open(self) -> None: ...

    def push(self, mulaw: bytes) -> None: ...

    def tell(self, stimulus: Stimulus) -> bool:
        """Answered, Silence or DigitPressed. False: it will not say anything to that."""
        ...

    def commit(self) -> None:
        """The call is over while the far end speaks: what it said so far is still wanted as text, no reply."""
        ...

    def events(self) -> AsyncIterator[SpeechEvent]: ...

    def truncate(self, item: str, audio_end_ms: int) -> None:
        """A reply was cut; of this item so much was *played*. The provider's history then holds what was heard."""
        ...

    @property
    def attention(self) -> Attention: ...

    async def aclose(self) -> None: ...
