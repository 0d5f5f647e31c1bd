"""Metric: a figure of the call, or a part of one, keeps a limit."""

import operator
from collections.abc import Callable, Sequence
from typing import Final

from evaluations.criteria.registry import (
    Config,
    CriterionType,
    Evidence,
    Judgement,
    Material,
    Problem,
    Setting,
    criterion_type,
    turn_at,
)
from evaluations.metrics.registry import Figure, Metric, Occurrence, all_metrics, get_metric
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord
from evaluations.wording import against_limit

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
}
# How many of a figure's own unit one of the written unit is.
UNITS: Final = {("ms", "s"): 0.001, ("min", "s"): 60.0, ("%", ""): 0.01}
SHOWN: Final = 5


@criterion_type
class MetricThreshold(CriterionType):
    name = "metric"
    label = "Metric threshold"
    version = 1
    settings = (
        Setting("figure", "Figure", "text", required=True, help="For example reply_time."),
        Setting("part", "Part", "text", "value", help="For example p95; “value” is the headline number."),
        Setting("op", "Must be", "choice", "<=", choices=tuple(OPERATORS)),
        Setting("limit", "Limit", "number", required=True),
        Setting("unit", "Unit", "text", help="Blank: the figure's own. ms, s and min for times; % for shares."),
    )
    example = {"figure": "reply_time", "part": "p95", "op": "<=", "limit": 2.0, "unit": "s"}
    together = ("figure", "part")

    def offers(self) -> Sequence[tuple[str, Sequence[tuple[tuple[str, ...], str]]]]:
        return [
            (figure.label, [((figure.name, part), _offered(figure, part)) for part in ("value", *figure.parts)])
            for figure in all_metrics()
        ]

    def more_problems(self, config: Config) -> list[Problem]:
        figure = get_metric(config["figure"])
        if figure is None:
            return [("figure", f"Is no figure. Known: {', '.join(each.name for each in all_metrics())}.")]
        parts = ["value", *figure.parts]
        if config["part"] not in parts:
            return [("part", f"Is no part of {figure.name}. Known: {', '.join(parts)}.")]
        if _factor(figure, config) is None:
            own = figure.unit_of(config["part"]) or "a plain number (leave it blank)"
            return [("unit", f"Does not fit: {figure.name} {config['part']} is in {own}.")]
        return []

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        figure = get_metric(config["figure"])
        if figure is None:
            return f"{config['figure']} {config['op']} {config['limit']:g}."
        part, limit = config["part"], config["limit"] * (_factor(figure, config) or 1)
        return figure.reads_as(part).rule(config["op"], limit, figure.unit_of(part))

    def apply(self, config: Config, material: Material) -> Judgement:
        config = self.complete(config)
        figure = material.figures[config["figure"]]
        value = figure.part(config["part"])
        if value is None:
            return _not_measured(figure, config["part"], material.record)
        limit = config["limit"] * (_factor(figure.metric, config) or 1)
        keeps = OPERATORS[config["op"]](value, limit)
        evidence = _evidence(figure, config, limit, material.record)
        unit, reads = figure.metric.unit_of(config["part"]), figure.metric.reads_as(config["part"])
        told = against_limit(reads, value, figure.reading.n, config["op"], limit, unit)
        reason = f"{told} {figure.reading.note}".rstrip()
        return Judgement(Outcome.PASS if keeps else Outcome.FAIL, reason, evidence, "metric")


def _offered(figure: Metric, part: str) -> str:
    unit = figure.unit_of(part)
    return f"{figure.named(part)} ({unit})" if unit else figure.named(part)


def _factor(figure: Metric, config: Config) -> float | None:
    own, written = figure.unit_of(config["part"]), config["unit"].strip()
    return 1.0 if written in ("", own) else UNITS.get((written, own))


def _not_measured(figure: Figure, part: str, record: CallRecord) -> Judgement:
    """Without two channels nothing can be said; with them, the call did not give what the figure counts."""
    outcome = Outcome.UNSURE if record.channels < 2 else Outcome.NOT_APPLICABLE
    why = figure.reading.note or f"This call has no {figure.metric.named(part)}."
    return Judgement(outcome, why, decided_by="metric")


def _evidence(figure: Figure, config: Config, limit: float, record: CallRecord) -> tuple[Evidence, ...]:
    """The occurrences beyond the limit, worst first; of a figure that counts, or keeps its limit, the first ones."""
    # A part in the figure's own unit (p95 of times) is compared one by one; a count or a rate is not.
    same_unit = figure.metric.unit != "" and figure.metric.unit_of(config["part"]) == figure.metric.unit
    found = list(figure.reading.occurrences)
    beyond = [
        each
        for each in found
        if same_unit and each.value is not None and not OPERATORS[config["op"]](each.value, limit)
    ]
    worst = sorted(beyond, key=lambda each: abs((each.value or 0) - limit), reverse=True)
    return tuple(_cite(each, record) for each in (worst or found)[:SHOWN])


def _cite(where: Occurrence, record: CallRecord) -> Evidence:
    turn = turn_at(record, where.start_ms, where.end_ms, where.side)
    return Evidence(turn.id if turn else None, turn.said if turn else where.note, where.start_ms, where.end_ms)
