"""When a run is worth an alert."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from evaluations.metrics.registry import get_metric
from evaluations.run_models import Alert, AlertRule, Run
from evaluations.runs.comparison import compare
from evaluations.runs.selectors import FigureOfRun, baseline_run, earlier_runs, results
from evaluations.statistics import ALPHA, GateVerdict, mann_kendall

FEWEST_FOR_TREND: Final = 5
PARTS: Final[Mapping[str, Callable[[FigureOfRun], float | None]]] = {
    "p50": lambda figure: figure.p50,
    "p95": lambda figure: figure.p95,
    "mean": lambda figure: figure.mean,
    "max": lambda figure: figure.maximum,
}


# --- What a rule may be -----------------------------------------------------------------------------------------------
def check(rule: AlertRule) -> None:
    """Raises ValidationError with what to change."""
    problems: dict[str, str] = {}
    if rule.condition == AlertRule.Condition.FIGURE:
        if get_metric(rule.figure) is None:
            problems["figure"] = f"There is no figure named {rule.figure!r}."
        if rule.part not in PARTS:
            problems["part"] = f"Choose one of: {', '.join(PARTS)}."
    if rule.condition == AlertRule.Condition.PASS_RATE and not 0 <= rule.threshold <= 1:
        problems["threshold"] = "A pass rate lies between 0 and 1."
    if rule.condition == AlertRule.Condition.WORSE and not rule.baseline:
        problems["baseline"] = "Name the baseline to compare with."
    if problem := _target_problem(rule):
        problems["target"] = problem
    if problems:
        raise ValidationError(problems)


def _target_problem(rule: AlertRule) -> str:
    if rule.channel == AlertRule.Channel.EMAIL:
        try:
            for address in addresses(rule.target):
                validate_email(address)
        except ValidationError:
            return "Write e-mail addresses, separated by commas."
        return "" if addresses(rule.target) else "Write at least one e-mail address."
    try:
        parts = urlsplit(rule.target)
    except ValueError:
        return "Write a URL that begins with https://"
    is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    return "" if is_url else "Write a URL that begins with https:// and holds no password."


def addresses(target: str) -> list[str]:
    return [address.strip() for address in target.split(",") if address.strip()]


# --- Whether one is met -----------------------------------------------------------------------------------------------
def announce_ended() -> int:
    """Ask the rules about each run that has ended, once; how many alerts were made."""
    ended = Run.objects.filter(state=Run.State.FINISHED, announced_at=None).order_by("finished_at")
    return sum(_announce(run) for run in ended.select_related("suite", "agent_version__agent"))


def _announce(run: Run) -> int:
    met = [(rule, text) for rule in _rules_about(run) if (text := reason(rule, run))]
    with transaction.atomic():
        if not Run.objects.filter(pk=run.pk, announced_at=None).update(announced_at=timezone.now()):
            return 0
        return sum(_make(rule, run, text) for rule, text in met if not _is_cooling(rule, run))


def _make(rule: AlertRule, run: Run, text: str) -> bool:
    told = {"run": str(run.public_id), "suite": run.suite_snapshot["name"], "agent": str(run.agent_version)}
    _, created = Alert.objects.get_or_create(
        rule=rule, run=run, defaults={"text": text[:500], "data": told | {"rule": rule.name}}
    )
    return created


def _rules_about(run: Run) -> list[AlertRule]:
    about_suite = Q(suite=None) | Q(suite=run.suite_id)
    about_agent = Q(agent=None) | Q(agent=run.agent_version.agent_id)
    return list(AlertRule.objects.filter(about_suite, about_agent, is_enabled=True))


def _is_cooling(rule: AlertRule, run: Run) -> bool:
    since = timezone.now() - timedelta(minutes=rule.cool_down_minutes)
    same = Alert.objects.filter(
        rule=rule, run__suite=run.suite_id, run__agent_version__agent=run.agent_version.agent_id
    )
    return same.filter(created_at__gt=since).exists()


def reason(rule: AlertRule, run: Run) -> str:
    """The alert's text; "" where the rule is not met by this run and the `occurrences` - 1 before it."""
    if rule.condition == AlertRule.Condition.TREND:
        return _trend(rule, run)
    runs = earlier_runs(run, rule.occurrences)
    if len(runs) < rule.occurrences:
        return ""
    told = [_met(rule, each) for each in runs]
    if not all(told):
        return ""
    often = f" ({rule.occurrences} runs in a row)" if rule.occurrences > 1 else ""
    return f"{run}: {told[-1]}{often}."


def _met(rule: AlertRule, run: Run) -> str:
    match rule.condition:
        case AlertRule.Condition.PASS_RATE:
            rate = results(run).rate
            if rate.value is not None and rate.value < rule.threshold:
                return f"{rate.passed} of {rate.n} passed, {rate.value:.0%}; the limit is {rule.threshold:.0%}"
        case AlertRule.Condition.FIGURE:
            return _figure(rule, run)
        case AlertRule.Condition.WORSE:
            return _worse(rule, run)
    return ""


def _figure(rule: AlertRule, run: Run) -> str:
    figure = next((each for each in results(run).figures if each.metric == rule.figure), None)
    value = PARTS[rule.part](figure) if figure else None
    if figure is None or value is None or value <= rule.threshold:
        return ""
    unit = f" {figure.unit}".rstrip()
    return (
        f"{figure.label} {rule.part} is {value:.2f}{unit} over {figure.n} values; the limit is {rule.threshold:g}{unit}"
    )


def _worse(rule: AlertRule, run: Run) -> str:
    old = baseline_run(run.suite, rule.baseline)
    if old is None or old.pk == run.pk:
        return ""
    comparison = compare(old, run)
    if comparison.verdict is not GateVerdict.WORSE:
        return ""
    regressed = len(comparison.regressed)
    also = f"; worse: {', '.join(comparison.worse)}" if comparison.worse else ""
    return f"worse than {rule.baseline}: {regressed} of {comparison.pairs.n} cases regressed{also}"


def _trend(rule: AlertRule, run: Run) -> str:
    rates = [results(each).rate.value for each in earlier_runs(run, rule.window)]
    known = [rate for rate in rates if rate is not None]
    if len(known) < FEWEST_FOR_TREND or mann_kendall(known) > ALPHA:
        return ""
    return f"{run}: the pass rate falls over {len(known)} runs, from {known[0]:.0%} to {known[-1]:.0%}."
