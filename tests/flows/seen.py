"""What a running product has stored, read from its database file beside it."""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, TypeVar

from tests.product import Product

Found = TypeVar("Found")


def rows(product: Product, query: str, *values: object) -> list[dict[str, Any]]:
    path = product.var_dir / "klix.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query, values)]


def call(product: Product, pk: int) -> dict[str, Any]:
    (found,) = rows(product, "SELECT * FROM calls_call WHERE id = ?", pk)
    return found


def newest_call(product: Product) -> int:
    (found,) = rows(product, "SELECT max(id) AS id FROM calls_call")
    return int(found["id"] or 0)


def turns(product: Product, pk: int) -> list[dict[str, Any]]:
    return rows(product, "SELECT * FROM calls_turn WHERE call_id = ? ORDER BY 'index'", pk)


def evaluations(product: Product, pk: int) -> list[dict[str, Any]]:
    return rows(product, "SELECT * FROM evaluations_evaluation WHERE call_id = ?", pk)


def recording(product: Product, pk: int) -> dict[str, Any]:
    (found,) = rows(product, "SELECT * FROM calls_recording WHERE call_id = ?", pk)
    return found


def wait_for(product: Product, look: Callable[[], Found], *, within_s: float = 60, every_s: float = 0.1) -> Found:
    """The first truthy answer. Fails with the end of the product's log."""
    end = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"Not within {within_s} s.\n" + "".join(product.output[-30:]))
        time.sleep(every_s)
    return found


def made(product: Product, code: str) -> Any:
    """What the last line that `code` prints says, as JSON; `code` runs in the product's shell."""
    return json.loads(product.manage("shell", "-v", "0", "-c", code).splitlines()[-1])
