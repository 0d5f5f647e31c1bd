import asyncio
import gc
from weakref import ref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports import Samples
from agents.providers.silero import (
    MAX_BATCH,
    MODEL,
    SETTLED_WINDOWS,
    WINDOW_SAMPLES,
    Floats,
    Model,
    Silero,
)
from tests.agents.providers.sound import noise, speech, until

QUIET = np.zeros(8000, np.int16)


@pytest.fixture
async def sentence() -> Samples:
    return np.concatenate([QUIET, await speech("hibari:heart", "Could I have a table for two, please?"), QUIET])


def test_noise_and_silence_are_not_speech() -> None:
    for sound in (QUIET, noise(-50), noise(-30), noise(-15)):
        assert Silero().probabilities(sound).max() < 0.3


async def test_speech_is_speech_and_the_silence_around_it_is_not(sentence: Samples) -> None:
    probabilities = Silero().probabilities(sentence)
    assert probabilities.shape == (len(sentence) // WINDOW_SAMPLES,)
    margin = len(QUIET) // WINDOW_SAMPLES
    assert (probabilities[: margin - 2] < 0.3).all()
    assert (probabilities[margin:-margin] > 0.5).mean() > 0.6
    assert (probabilities[-margin // 2 :] < 0.3).all()


def test_a_recording_shorter_than_a_window_gives_nothing() -> None:
    assert Silero().probabilities(QUIET[: WINDOW_SAMPLES - 1]).shape == (0,)


async def test_many_streams_run_together_give_what_each_gives_alone(sentence: Samples) -> None:
    calls = [np.roll(sentence, 977 * index) for index in range(40)]
    heard: list[list[float]] = [[] for _ in calls]
    streams = [Silero().open(answers.append) for answers in heard]
    for start in range(0, len(sentence), 160):
        for stream, samples in zip(streams, calls, strict=True):
            stream.push(samples[start : start + 160])
        await asyncio.sleep(0)
    await until(lambda: all(len(answers) == len(sentence) // WINDOW_SAMPLES for answers in heard))
    for answers, samples in zip(heard, calls, strict=True):
        assert np.allclose(answers, Silero().probabilities(samples), atol=1e-5)


def test_a_silent_line_is_given_to_the_network_only_until_it_has_settled() -> None:
    model = CountingModel()
    silence, sound = np.zeros(100 * WINDOW_SAMPLES, np.int16), noise(-40)[: 50 * WINDOW_SAMPLES]
    Silero(lambda: model).probabilities(np.concatenate([silence, sound, silence]))
    # The window after the sound has its end as context.
    assert len(model.sizes) == SETTLED_WINDOWS + 50 + 1 + SETTLED_WINDOWS


async def test_speech_after_a_long_silence_is_noticed_as_soon_as_after_a_short_one(sentence: Samples) -> None:
    pause = np.zeros(100 * WINDOW_SAMPLES, np.int16)
    near = Silero().probabilities(np.concatenate([QUIET, sentence]))
    far = Silero().probabilities(np.concatenate([pause, QUIET, sentence]))
    settled = SETTLED_WINDOWS
    assert np.allclose(far[100 + settled :], near[settled:], atol=1e-6)
    assert near.max() > 0.9


async def test_a_push_of_many_windows_is_judged_in_order(sentence: Samples) -> None:
    heard: list[float] = []
    Silero().open(heard.append).push(sentence)
    assert heard == []
    await until(lambda: len(heard) == len(sentence) // WINDOW_SAMPLES)
    assert np.allclose(heard, Silero().probabilities(sentence), atol=1e-5)


class CountingModel(Model):
    """Answers the mean of each window at once and notes the size of each run."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, inputs: Floats, states: Floats) -> tuple[Floats, Floats]:
        self.sizes.append(len(inputs))
        return inputs.mean(axis=1), states


async def test_windows_that_wait_at_one_time_are_one_run() -> None:
    model, heard = CountingModel(), list[float]()
    streams = [Silero(lambda: model).open(heard.append) for _ in range(MAX_BATCH + 3)]
    for stream in streams:
        stream.push(QUIET[:WINDOW_SAMPLES])
    await until(lambda: len(heard) == len(streams))
    assert model.sizes == [MAX_BATCH, 3]


async def test_a_closed_stream_is_told_nothing_more() -> None:
    model, heard = CountingModel(), list[float]()
    stream, other = (Silero(lambda: model).open(heard.append) for _ in range(2))
    stream.push(QUIET)
    stream.close()
    stream.push(QUIET)
    other.push(QUIET[:WINDOW_SAMPLES])
    await until(lambda: len(heard) == 1)
    assert model.sizes == [1]


async def test_an_error_in_one_calls_callback_leaves_the_others_alone() -> None:
    model, heard, errors = CountingModel(), list[float](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context["exception"]))

    def fail(_: float) -> None:
        raise ZeroDivisionError

    for callback in (fail, heard.append):
        Silero(lambda: model).open(callback).push(QUIET[:WINDOW_SAMPLES])
    await until(lambda: bool(heard and errors))
    assert isinstance(errors[0], ZeroDivisionError)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=30))
def test_pieces_of_any_length_give_one_probability_a_full_window(lengths: list[int]) -> None:
    model, heard = CountingModel(), list[float]()
    samples = np.arange(sum(lengths)).astype(np.int16)

    async def play() -> None:
        stream, start = Silero(lambda: model).open(heard.append), 0
        for length in lengths:
            stream.push(samples[start : start + length])
            start += length
        await until(lambda: len(heard) == len(samples) // WINDOW_SAMPLES)

    asyncio.run(play())
    assert np.allclose(heard, Silero(lambda: model).probabilities(samples))


def test_an_event_loop_that_is_gone_is_forgotten() -> None:
    loop = asyncio.new_event_loop()

    async def listen() -> None:
        Silero().open(list[float]().append).push(QUIET[:100])

    loop.run_until_complete(listen())
    loop.close()
    gone = ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_a_stream_needs_a_running_loop() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        Silero(MODEL.get).open(list[float]().append)
