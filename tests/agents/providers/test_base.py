import asyncio
import threading
from collections.abc import AsyncGenerator

import pytest

from agents.errors import CutShort, Malformed, Misconfigured, Overloaded, ProviderError, Refused, TimedOut, Unreachable
from agents.providers.base import Loaded, LocalPool, retried, retried_stream, run_local, timed, translated


class Naps:
    """Stands in for `asyncio.sleep`: notes the wait and goes on at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, wait_s: float) -> None:
        self.waits.append(wait_s)


class Failing:
    """Raises the given errors one after another, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


async def test_a_local_model_runs_off_the_event_loop() -> None:
    assert await run_local(threading.get_ident) != threading.get_ident()


async def test_what_a_local_job_raises_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        await run_local(divmod, 1, 0)


async def test_a_flood_of_local_jobs_is_refused_as_overloaded() -> None:
    pool = LocalPool(threads=1, max_jobs=1)
    go = threading.Event()
    first = asyncio.create_task(pool.run(go.wait))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await pool.run(go.wait)
    go.set()
    assert await first


async def test_a_cancelled_job_that_waited_never_starts_and_frees_its_place() -> None:
    pool = LocalPool(threads=1, max_jobs=2)
    go = threading.Event()
    ran: list[int] = []
    running = asyncio.create_task(pool.run(go.wait))
    waiting = asyncio.create_task(pool.run(ran.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    last = asyncio.create_task(pool.run(ran.append, 2))
    go.set()
    await asyncio.gather(running, last)
    assert ran == [2]


def test_a_model_is_loaded_once_however_many_threads_ask() -> None:
    loads: list[int] = []

    def load() -> object:
        loads.append(1)
        return object()

    model = Loaded("test", load)
    seen: list[object] = []
    threads = [threading.Thread(target=lambda: seen.append(model.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(set(map(id, seen))) == 1


def test_a_failed_load_is_clear_and_tried_again() -> None:
    failures = [FileNotFoundError("model.onnx")]

    def load() -> str:
        if failures:
            raise failures.pop()
        return "model"

    model = Loaded("joe", load)
    with pytest.raises(Misconfigured, match="joe cannot be loaded"):
        model.get()
    assert model.get() == "model"


def test_an_unexpected_error_of_a_model_is_translated_without_its_text() -> None:
    with pytest.raises(Malformed) as caught, translated("hibari"):
        raise ValueError("what the caller said")
    assert caught.value.provider == "hibari"
    assert "what the caller said" not in caught.value.message


async def test_no_answer_in_time_is_timed_out() -> None:
    with pytest.raises(TimedOut, match="openai"):
        await timed(asyncio.Event().wait(), provider="openai", timeout_s=0.001)


async def test_a_retryable_error_is_tried_again() -> None:
    ask, naps = Failing(Unreachable("no connection")), Naps()
    assert await retried(ask, provider="x", timeout_s=1, sleep=naps) == "answer"
    assert (ask.asked, naps.waits) == (2, [0.2])


@pytest.mark.parametrize("error", [Refused("no"), Misconfigured("wrong key"), CutShort("ended")])
async def test_a_final_error_is_not_tried_again(error: ProviderError) -> None:
    ask = Failing(error)
    with pytest.raises(type(error)):
        await retried(ask, provider="x", timeout_s=1, sleep=Naps())
    assert ask.asked == 1


async def test_the_last_attempt_raises_its_error() -> None:
    ask = Failing(Unreachable("1"), Unreachable("2"), Unreachable("3"))
    with pytest.raises(Unreachable, match="2"):
        await retried(ask, provider="x", timeout_s=1, sleep=Naps())


async def test_retry_after_is_obeyed_when_short_and_given_up_when_long() -> None:
    naps = Naps()
    await retried(Failing(Overloaded("busy", retry_after_s=1.5)), provider="x", timeout_s=1, sleep=naps)
    assert naps.waits == [1.5]
    with pytest.raises(Overloaded):
        await retried(Failing(Overloaded("busy", retry_after_s=60)), provider="x", timeout_s=1, sleep=naps)


class Streams:
    """Each call gives the next of the prepared streams: texts, ended by an error or by themselves."""

    def __init__(self, *streams: list[str | Exception]) -> None:
        self.streams = list(streams)
        self.closed = 0

    async def __call__(self) -> AsyncGenerator[str, None]:
        try:
            for item in self.streams.pop(0):
                if isinstance(item, Exception):
                    raise item
                yield item
        finally:
            self.closed += 1


async def test_a_stream_is_asked_again_only_before_its_first_item() -> None:
    streams = Streams([Unreachable("1")], ["a", "b"])
    items = [item async for item in retried_stream(streams, provider="x", timeout_s=1, sleep=Naps())]
    assert items == ["a", "b"]
    assert streams.closed == 2


async def test_a_stream_that_breaks_after_its_first_item_is_not_asked_again() -> None:
    streams = Streams(["a", Unreachable("broke")], ["never"])
    items = aiter(retried_stream(streams, provider="x", timeout_s=1, sleep=Naps()))
    assert await anext(items) == "a"
    with pytest.raises(Unreachable):
        await anext(items)
    assert len(streams.streams) == 1
