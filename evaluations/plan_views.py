"""Pages about what runs by itself and who is told: suites, schedules, alert rules."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from evaluations.metrics.registry import get_metric
from evaluations.plan_forms import AlertRuleForm, ScheduleForm, SuiteForm
from evaluations.run_models import Alert, AlertRule, Schedule, Suite
from evaluations.wording import Things, times

LAST_ALERTS = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """One thing of a list, as a row: its name, what it does, and what is wrong with it."""

    title: str
    told: str
    url: str
    problem: str = ""
    is_off: bool = False
    run_url: str = ""


# --- Suites -----------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def suites(request: HttpRequest) -> HttpResponse:
    found = Suite.objects.filter(archived_at=None).prefetch_related("scenarios", "personas")
    return _list(request, "suites", [_suite(suite) for suite in found])


def _suite(suite: Suite) -> Plan:
    """From what was prefetched: a long list costs no more queries."""
    scenarios = [scenario for scenario in suite.scenarios.all() if scenario.archived_at is None]
    personas = [persona for persona in suite.personas.all() if persona.archived_at is None]
    calls = len(scenarios) * max(1, len(personas)) * max(1, len(suite.lines)) * suite.repeats
    grid = [
        Things("scenario", "scenarios").counted(len(scenarios)),
        *([Things("caller", "callers").counted(len(personas))] if personas else []),
        *([Things("line", "lines").counted(len(suite.lines))] if suite.lines else []),
    ]
    told = f"{Things('call', 'calls').counted(calls)}: {', '.join(grid)}, {times(suite.repeats)} each"
    if suite.required_pass_rate is not None:
        told += f"; {suite.required_pass_rate:.0%} must pass"
    alone = [scenario.name for scenario in scenarios if scenario.persona_id is None and not personas]
    problem = f"Nobody plays {', '.join(alone)}: choose a persona." if alone else ""
    url = reverse("runs:suite_edit", args=[suite.public_id])
    run_url = f"{reverse('runs:new')}?suite={suite.public_id}"
    return Plan(suite.name, told, url, problem if scenarios else "It has no scenarios.", run_url=run_url)


@require_http_methods(["GET", "POST"])
def suite_edit(request: HttpRequest, public_id: uuid.UUID | None = None) -> HttpResponse:
    suite = get_object_or_404(Suite, public_id=public_id) if public_id else Suite()
    return _edit(request, SuiteForm(request.POST or None, instance=suite), "suites")


@require_POST
def suite_archive(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    suite = get_object_or_404(Suite, public_id=public_id)
    suite.archived_at = timezone.now()
    suite.save(update_fields=["archived_at", "updated_at"])
    messages.success(request, f"{suite.name} is archived. Its runs are kept.")
    return redirect("runs:suites")


# --- Schedules --------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def schedules(request: HttpRequest) -> HttpResponse:
    found = Schedule.objects.select_related("suite", "agent")
    return _list(request, "schedules", [_schedule(schedule) for schedule in found])


def _schedule(schedule: Schedule) -> Plan:
    at = f"{timezone.localtime(schedule.next_at):%-d %b %H:%M}" if schedule.next_at else "soon known"
    told = f"{schedule.agent.name} at {schedule.cron}; " + (f"next: {at}" if schedule.is_enabled else "switched off")
    url = reverse("runs:schedule_edit", args=[schedule.public_id])
    return Plan(schedule.suite.name, told, url, schedule.problem, not schedule.is_enabled)


@require_http_methods(["GET", "POST"])
def schedule_edit(request: HttpRequest, public_id: uuid.UUID | None = None) -> HttpResponse:
    schedule = get_object_or_404(Schedule, public_id=public_id) if public_id else Schedule()
    return _edit(request, ScheduleForm(request.POST or None, instance=schedule), "schedules")


@require_POST
def schedule_delete(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(Schedule, public_id=public_id).delete()
    messages.success(request, "The schedule is deleted. Its runs are kept.")
    return redirect("runs:schedules")


# --- Alerts -----------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def alerts(request: HttpRequest) -> HttpResponse:
    rules = [_rule(rule) for rule in AlertRule.objects.select_related("suite", "agent")]
    last = Alert.objects.select_related("rule", "run")[:LAST_ALERTS]
    return _list(request, "alerts", rules, alerts=last)


def _condition(rule: AlertRule) -> str:
    match rule.condition:
        case AlertRule.Condition.FIGURE:
            metric = get_metric(rule.figure)
            unit = f" {metric.unit}" if metric and metric.unit else ""
            return f"{metric.label if metric else rule.figure} {rule.part} above {rule.threshold:g}{unit}"
        case AlertRule.Condition.PASS_RATE:
            return f"Pass rate below {100 * rule.threshold:g} %"
        case AlertRule.Condition.WORSE:
            return f"Worse than {rule.baseline}"
    return rule.get_condition_display()


def _rule(rule: AlertRule) -> Plan:
    about = f"{rule.suite or 'every suite'}, {rule.agent or 'every agent'}"
    # The address may hold a secret: the channel tells enough.
    told = f"{_condition(rule)}; {about}; {rule.get_channel_display()}"
    url = reverse("runs:alert_edit", args=[rule.public_id])
    return Plan(rule.name, told, url, is_off=not rule.is_enabled)


@require_http_methods(["GET", "POST"])
def alert_edit(request: HttpRequest, public_id: uuid.UUID | None = None) -> HttpResponse:
    rule = get_object_or_404(AlertRule, public_id=public_id) if public_id else AlertRule()
    return _edit(request, AlertRuleForm(request.POST or None, instance=rule), "alerts")


@require_POST
def alert_delete(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    get_object_or_404(AlertRule, public_id=public_id).delete()
    messages.success(request, "The rule is deleted, with its alerts.")
    return redirect("runs:alerts")


# --- What they share --------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Shelf:
    title: str
    one: str
    new: str  # name of the page that makes one
    end: str  # name of the page that removes one
    end_word: str
    example: str


SHELVES = {
    "suites": Shelf(
        "Suites",
        "suite",
        "runs:suite_new",
        "runs:suite_archive",
        "Archive",
        "For example: every scenario of the burger line, three times each, 90 % must pass.",
    ),
    "schedules": Shelf(
        "Schedules",
        "schedule",
        "runs:schedule_new",
        "runs:schedule_delete",
        "Delete",
        "For example: the smoke suite on workdays at six, 0 6 * * 1-5.",
    ),
    "alerts": Shelf(
        "Alerts",
        "alert rule",
        "runs:alert_new",
        "runs:alert_delete",
        "Delete",
        "For example: tell our channel when less than 90 % pass twice in a row.",
    ),
}


def _list(request: HttpRequest, name: str, plans: list[Plan], **more: Any) -> HttpResponse:
    shelf = SHELVES[name]
    context = {"shelf": shelf, "name": name, "plans": plans, "new_url": reverse(shelf.new), **more}
    return render(request, "evaluations/plans.html", context)


def _edit(request: HttpRequest, form: "ModelForm[Any]", name: str) -> HttpResponse:
    shelf = SHELVES[name]
    if request.method == "POST" and form.is_valid():
        messages.success(request, f"{form.save()} is saved.")
        return redirect(f"runs:{name}")
    is_new = form.instance.pk is None
    context = {
        "form": form,
        "title": f"New {shelf.one}" if is_new else f"Edit {shelf.one}",
        "list_url": reverse(f"runs:{name}"),
        "list_title": shelf.title,
        "end_url": "" if is_new else reverse(shelf.end, args=[form.instance.public_id]),
        "end_word": shelf.end_word,
    }
    return render(request, "evaluations/plan_edit.html", context, status=422 if form.is_bound else 200)
