"""The tests' double of OpenAI's interfaces in a process of its own, which slows nothing here."""

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any


@contextmanager
def openai_double(replies: list[str]) -> Iterator[dict[str, Any]]:
    """Its `base_url` and `api_key`. It answers at once: each chat with the next of `replies`."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, replies), daemon=True)
    process.start()
    theirs.close()  # so that a process that dies is told, not waited for
    try:
        options: dict[str, Any] = ours.recv()
        yield options
        ours.send(None)
        process.join(10)
    finally:
        process.kill()
        process.join()
        ours.close()


def _serve(parent: Connection, replies: list[str]) -> None:
    from tests.doubles.openai_script import Reply
    from tests.doubles.openai_server import OpenAIDouble

    with OpenAIDouble() as double:
        double.script.replies += map(Reply, replies)
        parent.send(double.options)
        parent.recv()
