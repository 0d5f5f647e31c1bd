"""What providers share: the thread pool of local models, loading once, time limits, retries, translated errors.

`run_local` is for models in this process, `timed`, `retried` and `retried_stream` for providers over a network.
"""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from typing import Final, Generic, ParamSpec, TypeVar

from agents.errors import Malformed, Misconfigured, Overloaded, ProviderError, TimedOut

P = ParamSpec("P")
T = TypeVar("T")

LOCAL_THREADS: Final = min(4, max(2, (os.cpu_count() or 2) // 2))
MAX_LOCAL_JOBS: Final = 256  # waiting and running; more than this and every one of them would come too late
MAX_RETRY_WAIT_S: Final = 2.0  # a live turn waits no longer for a second try


# --- Models in this process -------------------------------------------------------------------------------------------
@contextmanager
def translated(provider: str) -> Iterator[None]:
    """Turns what a local model raises into a ProviderError, whose message never holds the text spoken."""
    try:
        yield
    except ProviderError:
        raise
    except (ImportError, OSError) as error:
        hint = "Install the requirements again: its files come with the package."
        raise Misconfigured(f"{provider} cannot be loaded: {error}. {hint}", provider=provider) from error
    except MemoryError as error:
        raise Overloaded(f"{provider} ran out of memory.", provider=provider) from error
    except Exception as error:
        # What native models raise has no common class and is nowhere listed; the cause stays with the error.
        raise Malformed(f"{provider} failed with {type(error).__name__}.", provider=provider) from error


class Loaded(Generic[T]):
    """A model that is loaded once per process, at first use, by whichever thread comes first.

    `get` blocks while the model loads: call it in `warm_up` or inside `run_local`. A load that fails raises a
    ProviderError and is tried again at the next call.
    """

    def __init__(self, provider: str, load: Callable[[], T]) -> None:
        self._provider = provider
        self._load = load
        self._lock = threading.Lock()
        self._models: list[T] = []

    def get(self) -> T:
        if not self._models:
            with self._lock:
                if not self._models:
                    with translated(self._provider):
                        self._models.append(self._load())
        return self._models[0]

    def warm_up(self) -> None:
        self.get()


class LocalPool:
    """Threads for local inference; bounded, so that a flood is refused instead of making every call wait."""

    def __init__(self, threads: int = LOCAL_THREADS, max_jobs: int = MAX_LOCAL_JOBS) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="local-model")
        self._slots = threading.BoundedSemaphore(max_jobs)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`call` in a thread. Cancelled: it never starts, or runs to its end unheard; its slot is freed either way.

        Raises Overloaded when `max_jobs` wait already, else what `call` raises.
        """
        if not self._slots.acquire(blocking=False):
            raise Overloaded("Too many calls wait for the local models. Place fewer calls at once.")
        future = self._executor.submit(call, *args, **kwargs)
        future.add_done_callback(self._free)
        return await asyncio.wrap_future(future)

    def _free(self, _: "Future[T]") -> None:
        self._slots.release()


class _Shared:
    pool: LocalPool | None = None


def _forget_pool() -> None:
    _Shared.pool = None  # a forked child has the parent's pool but none of its threads


os.register_at_fork(after_in_child=_forget_pool)


async def run_local(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`LocalPool.run` on the pool of this process: inference never runs on the event loop."""
    if _Shared.pool is None:
        _Shared.pool = LocalPool()
    return await _Shared.pool.run(call, *args, **kwargs)


# --- Providers over a network -----------------------------------------------------------------------------------------
async def timed(answer: Awaitable[T], *, provider: str, timeout_s: float) -> T:
    """`answer`, or TimedOut after `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await answer
    except TimeoutError as error:
        raise TimedOut(f"{provider} gave no answer within {timeout_s:g} s.", provider=provider) from error


def retry_wait_s(error: ProviderError, attempt: int, attempts: int) -> float | None:
    """How long to wait before the next try; None: do not try again. `attempt` counts from 0."""
    if not error.retryable or attempt + 1 >= attempts:
        return None
    wait_s = 0.2 * 2**attempt if error.retry_after_s is None else error.retry_after_s
    return wait_s if wait_s <= MAX_RETRY_WAIT_S else None


async def retried(
    ask: Callable[[], Awaitable[T]],
    *,
    provider: str,
    timeout_s: float,
    attempts: int = 2,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> T:
    """`ask()` within `timeout_s` each time; asked again, at most `attempts` times in all, if its error is retryable."""
    attempt = 0
    while True:
        try:
            return await timed(ask(), provider=provider, timeout_s=timeout_s)
        except ProviderError as error:
            wait_s = retry_wait_s(error, attempt, attempts)
            if wait_s is None:
                raise
        attempt += 1
        await sleep(wait_s)


async def retried_stream(
    ask: Callable[[], AsyncGenerator[T, None]],
    *,
    provider: str,
    timeout_s: float,
    attempts: int = 2,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncGenerator[T, None]:
    """The items of `ask()`, each within `timeout_s`. Asked again only before the first: that may be spoken already.

    An error after the first item passes through as it is: the adapter says whether that is CutShort. Whoever may stop
    in the middle closes it (`aclosing`): what it holds must be closed then, not when it is collected.
    """
    attempt = 0
    while True:
        began = False
        try:
            async with aclosing(ask()) as items:
                while True:
                    item = await timed(anext(items), provider=provider, timeout_s=timeout_s)
                    began = True
                    yield item
        except StopAsyncIteration:
            return
        except ProviderError as error:
            wait_s = None if began else retry_wait_s(error, attempt, attempts)
            if wait_s is None:
                raise
        attempt += 1
        await sleep(wait_s)
