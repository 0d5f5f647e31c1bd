"""The limits that a call's page shows: those of the criteria that were applied, else the measure's own. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from evaluations.criteria.metric import UNITS
from evaluations.metrics.registry import get_metric

Limits = Mapping[tuple[str, str], float]  # (metric, part) → the most, in the metric's unit


def limits_of(configs: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Of metric criteria that say "at most". Where two speak of one part the stricter one is shown."""
    found: dict[tuple[str, str], float] = {}
    for config in configs:
        if "limit" not in config or config.get("op", "<=") not in ("<=", "<"):
            continue
        key = (str(config.get("figure")), str(config.get("part") or "value"))
        most = float(config["limit"]) * _factor(key, str(config.get("unit") or ""))
        found[key] = min(most, found.get(key, most))
    return found


def _factor(key: tuple[str, str], written: str) -> float:
    metric = get_metric(key[0])
    own = metric.unit_of(key[1]) if metric and (key[1] == "value" or key[1] in metric.parts) else ""
    return 1.0 if written in ("", own) else UNITS.get((written, own), 1.0)


def limit(limits: Limits, metric: str, *parts: str) -> float | None:
    """The first part for which a criterion has a limit; without one, the first that has a default."""
    for part in parts:
        if (metric, part) in limits:
            return limits[metric, part]
    known = get_metric(metric)
    for part in parts:
        if known and part in known.limits and known.limits[part].maximum is not None:
            return known.limits[part].maximum
    return None
