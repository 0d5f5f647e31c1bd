"""The threads in which calls meet the database, and nothing else of the process."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import InterfaceError, OperationalError, close_old_connections

POOL = ThreadPoolExecutor(4, thread_name_prefix="recorder")
RETRY_EVERY_S = 0.5

log = logging.getLogger(__name__)

Given = ParamSpec("Given")
Result = TypeVar("Result")


def with_fresh_connections(function: Callable[Given, Result]) -> Callable[Given, Result]:
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        close_old_connections()
        return function(*args, **kwargs)

    return run


async def in_pool(function: Callable[..., Result], *args: object) -> Result:
    """Run in the pool; a database that is away (or locked) is tried again until it is back."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            return await loop.run_in_executor(POOL, with_fresh_connections(function), *args)
        except (OperationalError, InterfaceError) as error:
            log.warning("The database did not take what a call gave it (%s); trying again.", type(error).__name__)
            await asyncio.sleep(RETRY_EVERY_S)
