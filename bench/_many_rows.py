"""Many rows of calls and what belongs to them, written by PostgreSQL itself: a million calls in minutes.

The newest fifth of the calls belongs to runs of a hundred, each of one agent. An agent, a persona, a scenario and an
outcome are rare and old: a list of those finds its few rows at the far end of the table.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.apps import apps
from django.db import connection, models

from agents.models import Agent, Persona, Scenario
from agents.services import create_agent
from evaluations.models import Criterion
from evaluations.run_models import Suite
from evaluations.runs.summaries import keep_summaries

TURNS: Final = 5
CASES: Final = 100  # a run
RARE_CALLS: Final = 50  # the oldest ones
LARGE: Final = (
    "calls.Call",
    "calls.Turn",
    "evaluations.Evaluation",
    "evaluations.Verdict",
    "evaluations.Measurement",
    "evaluations.RunCase",
    "klix_site.AuditEntry",
)
RARE: Final = "seldom"
WORDS: Final = "a table for four people tonight at half past seven please"


def generate(calls: int) -> None:
    """Few objects by the models, many rows by the database, then the indexes: building each once is several times
    faster than adding to all of them a million times."""
    statements = _calls(calls) + _results() + _runs(calls) + _history(calls)
    with connection.cursor() as cursor:
        cursor.execute("select usesuper from pg_user where usename = current_user")
        (may_skip_checks,) = cursor.fetchone() or (False,)
        if may_skip_checks:  # the rows are known to fit each other
            cursor.execute("set session_replication_role = replica")
        dropped = _without_indexes(cursor)
        for statement in (*statements, *dropped):
            cursor.execute(statement)
        cursor.execute("reset session_replication_role")
        cursor.execute("analyze")
        while keep_summaries():  # as the worker does after each run
            pass
        cursor.execute("vacuum analyze")


def _without_indexes(cursor: Any) -> list[str]:
    """Drop the indexes of the large tables but their primary keys; the statements that make them again."""
    cursor.execute(
        """select format('%%s', i.indexrelid::regclass), i.indrelid::regclass::text, c.conname,
                  pg_get_constraintdef(c.oid), pg_get_indexdef(i.indexrelid)
           from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.conrelid = i.indrelid
           where i.indrelid = any(%s::regclass[]) and not i.indisprimary""",
        [[apps.get_model(name)._meta.db_table for name in LARGE]],
    )
    again = []
    for index, table, constraint, definition, as_index in cursor.fetchall():
        if constraint:
            cursor.execute(f'alter table {table} drop constraint "{constraint}"')
            again.append(f'alter table {table} add constraint "{constraint}" {definition}')
        else:
            cursor.execute(f"drop index {index}")
            again.append(as_index)
    return again


def _calls(calls: int) -> list[str]:
    agents = [create_agent(f"agent {n}") for n in range(20)]
    rare = create_agent(RARE)
    personas = [Persona.objects.create(name=f"persona {n}").pk for n in range(10)]
    scenarios = [Scenario.objects.create(name=f"scenario {n}").pk for n in range(50)]
    moment = f"now() - ({calls} - n) * interval '20 seconds'"
    call = _insert(
        "calls.Call",
        source=f"generate_series(1, {calls}) n",
        agent_id=_old(rare.pk, _one_of([agent.pk for agent in agents], CASES)),
        agent_version_id=_old(_version(rare), _one_of([_version(agent) for agent in agents], CASES)),
        persona_id=_old(Persona.objects.create(name=RARE).pk, _one_of(personas, 3)),
        scenario_id=_old(Scenario.objects.create(name=RARE).pk, _one_of(scenarios, 7)),
        direction="'outbound'",
        status="case when n % 50 = 0 then 'no-answer' else 'completed' end",
        created_at=moment,
        updated_at=moment,
        answered_at=moment,
        ended_at=f"{moment} + interval '19 seconds'",
        concluded_at=moment,
        outcome=_outcome("n"),
    )
    turn = _insert(
        "calls.Turn",
        source=f"calls_call c cross join generate_series(0, {TURNS - 1}) i",
        call_id="c.id",
        index="i",
        side="case when i % 2 = 0 then 'agent' else 'caller' end",
        text=f"'{WORDS}'",
        start_ms="i * 4000",
        end_ms="i * 4000 + 3000",
    )
    return [call, turn]


def _outcome(number: str) -> str:
    """Old errors are the rare outcome; one call in ten failed."""
    return f"case when {number} <= {RARE_CALLS} then 'error' when {number} % 10 = 0 then 'fail' else 'pass' end"


def _results() -> list[str]:
    criteria = [Criterion.objects.create(name=f"criterion {n}", kind="phrase").pk for n in range(2)]
    evaluation = _insert(
        "evaluations.Evaluation",
        source="calls_call c",
        call_id="c.id",
        number="1",
        state="'done'",
        outcome=_outcome("c.id"),
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
    reply = '{"start_ms": 3000, "end_ms": 4200, "value": 1.2, "side": "agent", "note": ""}'
    measurement = _insert(
        "evaluations.Measurement",
        source="evaluations_evaluation e cross join unnest(array['reply_time', 'agent_interruptions']) k",
        evaluation_id="e.id",
        metric="k",
        metric_version="1",
        unit="'s'",
        value="1.2",
        parts='\'{"p50": 1.2, "max": 1.2}\'::jsonb',
        occurrences=f"'[{reply}, {reply}]'::jsonb",
    )
    return [evaluation, verdict, measurement]


def _runs(calls: int) -> list[str]:
    suites = [Suite.objects.create(name=f"suite {n}").pk for n in range(10)]
    count = max(1, calls // 5 // CASES)
    run = _insert(
        "evaluations.Run",
        source=f"generate_series(0, {count - 1}) n join calls_call c on c.id = {calls} - {CASES} * ({count} - n) + 1",
        suite_id=_one_of(suites, 1),
        suite_snapshot='\'{"name": "suite", "repeats": 1, "scenarios": {}}\'::jsonb',
        agent_version_id="c.agent_version_id",
        state="'finished'",
        created_at="c.created_at",
        finished_at=f"c.created_at + {CASES} * interval '20 seconds'",
        seed="1",
    )
    case = _insert(
        "evaluations.RunCase",
        source=f"evaluations_run r cross join generate_series(0, {CASES - 1}) i "
        f"join calls_call c on c.id = {calls} - {CASES} * ({count} - (r.id - (select min(id) from evaluations_run))) "
        "+ 1 + i",
        run_id="r.id",
        index="i",
        scenario_id="c.scenario_id",
        persona_id="c.persona_id",
        state="'done'",
        call_id="c.id",
        outcome=_outcome("c.id"),
        finished_at="c.ended_at",
    )
    return [run, case]


def _history(calls: int) -> list[str]:
    """The audit log: one entry for every fourth call."""
    return [
        _insert(
            "klix_site.AuditEntry",
            source=f"generate_series(1, {max(1, calls // 4)}) n",
            actor="'olga'",
            via="'api'",
            action="'call.placed'",
            object_type="'call'",
            object_id="n::text",
            at=f"now() - ({calls} - n) * interval '80 seconds'",
        )
    ]


# --- Expressions ------------------------------------------------------------------------------------------------------
def _version(agent: Agent) -> int:
    version = agent.current_version
    assert version
    return version.pk


def _one_of(values: list[int], step: int = 1) -> str:
    return f"(array[{', '.join(map(str, values))}])[1 + (greatest(0, n - 1) / {step}) % {len(values)}]"


def _old(rare: int, usual: str) -> str:
    return f"case when n <= {RARE_CALLS} then {rare} else {usual} end"


def _insert(model: str, source: str, **given: str) -> str:
    """INSERT … SELECT with an SQL expression for each column: those given, else the model's own default."""
    found = apps.get_model(model)
    columns = _columns(found, given)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"insert into {found._meta.db_table} ({names}) select {', '.join(columns.values())} from {source}"


def _columns(model: type[models.Model], given: Mapping[str, str]) -> dict[str, str]:
    fields = {str(field.column): field for field in model._meta.concrete_fields if not field.primary_key}
    if unknown := set(given) - set(fields):
        raise ValueError(f"{model.__name__} has no column {', '.join(sorted(unknown))}.")
    return {name: given.get(name) or _default(field) for name, field in fields.items()}


def _default(field: "models.Field[object, object]") -> str:
    if isinstance(field, models.UUIDField):
        return "null" if field.null else "gen_random_uuid()"
    if isinstance(field, models.JSONField) and not field.null:
        return "'[]'::jsonb" if field.default is list else "'{}'::jsonb"
    if isinstance(field, models.DateTimeField):
        return "null" if field.null else "now()"
    if field.null and not field.has_default():
        return "null"
    value = field.get_default()
    return f"'{value}'" if isinstance(value, str) else str(value).lower()
