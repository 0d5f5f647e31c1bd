"""The threads in which calls meet the database, and nothing else of the process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.db import close_old_connections

POOL = ThreadPoolExecutor(4, thread_name_prefix="recorder")

Given = ParamSpec("Given")
Result = TypeVar("Result")


def with_fresh_connections(function: Callable[Given, Result]) -> Callable[Given, Result]:
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        close_old_connections()
        return function(*args, **kwargs)

    return run
