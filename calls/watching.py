"""What open pages watch together: of one thing, one task of this process looks and draws, however many pages show it.

It costs nothing when nobody watches. Across processes nothing needs to be told: each looks for its own pages.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Send = Callable[[str], Awaitable[None]]
Follow = Callable[[Send], Awaitable[None]]


@dataclass(slots=True)
class Watch:
    viewers: set[Send] = field(default_factory=set)
    task: "asyncio.Future[None] | None" = None

    async def publish(self, html: str) -> None:
        """To all who watch. A page that is just leaving keeps nothing from the others."""
        await asyncio.gather(*(send(html) for send in self.viewers), return_exceptions=True)


_watches: dict[str, Watch] = {}


def join(name: str, send: Send, follow: Follow) -> None:
    """`send` gets what `follow` publishes about the thing of this name, until `leave`."""
    watch = _watches.setdefault(name, Watch())
    watch.viewers.add(send)
    if watch.task is None or watch.task.done():
        watch.task = asyncio.ensure_future(follow(watch.publish))


def leave(name: str, send: Send) -> None:
    watch = _watches.get(name)
    if watch is None:
        return
    watch.viewers.discard(send)
    if not watch.viewers:
        del _watches[name]
        if watch.task:
            watch.task.cancel()
