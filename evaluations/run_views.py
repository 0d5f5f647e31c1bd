"""Pages about runs: the list, starting one, watching one, comparing two."""

import uuid
from collections.abc import Sequence
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import aget_object_or_404, get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.views.decorators.cache import never_cache
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRefresh

from agents.exporting import FORMATS
from calls.views import HtmxRequest
from evaluations import run_comparison, run_file, run_rows
from evaluations.run_forms import NewRunForm
from evaluations.run_models import Run, RunCase, Suite
from evaluations.run_pages import RunHead, counts_by_kind, run_head, runs_for_heads
from evaluations.run_pages import run_rows as rows_of_runs
from evaluations.runs.selectors import chosen_runs, gate_view
from evaluations.runs.starting import Limits, RunRefused, retry_errors, set_baseline, start_run, stop_run
from evaluations.trends import PERIODS, agents_with_runs
from evaluations.trends import trends as trends_of

LIST_SIZE = 20
REMEMBERED = "new_run"
KEPT_CHOICES = ("agent", "suite", "scenarios", "personas", "lines", "repeats", "max_minutes", "max_cost")
FIELDS = {"agent": "agent", "suite": "suite"}


def _runs() -> QuerySet[Run]:
    return Run.objects.select_related("suite", "agent_version__agent")


@require_GET
@never_cache
def run_list(request: HttpRequest) -> HttpResponse:
    text, agent = request.GET.get("q", ""), request.GET.get("agent", "")
    page = Paginator(chosen_runs(text, agent), LIST_SIZE).get_page(request.GET.get("page"))
    asked = {name: value for name, value in (("q", text), ("agent", agent)) if value}
    context = {"page": page, "rows": rows_of_runs(page.object_list), "text": text, "query": urlencode(asked)}
    return render(request, "evaluations/runs.html", context)


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


# --- Starting ---------------------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    form = NewRunForm(request.POST or None, initial=_wished(request))
    if request.method == "POST" and form.is_valid():
        request.session[REMEMBERED] = {name: request.POST.getlist(name) for name in KEPT_CHOICES}
        try:
            return redirect("runs:run", _start(request, form).public_id)
        except RunRefused as refused:
            form.add_error(FIELDS.get(refused.field), refused.message)
    context = {"form": form, "estimate": form.estimate() if form.is_bound else None, "key": uuid.uuid4()}
    return render(request, "evaluations/run_new.html", context, status=422 if form.is_bound else 200)


def _start(request: HttpRequest, form: NewRunForm) -> Run:
    data = form.cleaned_data
    key = f"page:{request.user.pk}:{request.POST.get('key', '')}"[:100]
    if earlier := Run.objects.filter(idempotency_key=key).first():
        return earlier
    limits = Limits(data["max_cost"], data["max_minutes"])
    run, _ = start_run(form.suite_to_run(), form.version, limits=limits, label=data["label"], idempotency_key=key)
    return run


def _wished(request: HttpRequest) -> dict[str, Any]:
    """What was chosen last, or what a link asks for (?agent=…&suite=…)."""
    kept: dict[str, list[str]] = request.session.get(REMEMBERED, {})
    wished: dict[str, Any] = {
        name: values if name in ("scenarios", "personas", "lines") else (values[0] if values else "")
        for name, values in kept.items()
    }
    for name, model in (("suite", Suite),):
        if public_id := _uuid(request.GET.get(name, "")):
            wished[name] = model.objects.filter(public_id=public_id).values_list("pk", flat=True).first() or ""
    if agent := _uuid(request.GET.get("agent", "")):
        found = NewRunForm().fields["agent"].queryset.filter(public_id=agent).first()  # type: ignore[attr-defined]
        wished["agent"] = found.pk if found else ""
    return wished


@require_POST
def estimate(request: HttpRequest) -> HttpResponse:
    """What the choice in the form would come to; asked by the page at each change."""
    form = NewRunForm(request.POST)
    form.is_valid()
    return render(request, "evaluations/_estimate.html", {"estimate": form.estimate()})


# --- One run ----------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
@gzip_page
def run(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(runs_for_heads(), public_id=public_id)
    show, text = _shown(request)
    # Of a run that is over, every case is read: the gate takes them all.
    every = [] if found.is_open else run_rows.all_cases(found, text)
    head = run_head(found, None if found.is_open else counts_by_kind(every))
    known = _known(head, every, show, text)
    pages = CountedPaginator(run_rows.cases(found, show, text), run_rows.PAGE_SIZE, known)
    page = pages.get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    query.pop("show", None)
    context = {
        "head": head,
        "rows": run_rows.rows(page.object_list),
        "page": page,
        "show": show,
        "text": text,
        "query": query.urlencode(),
        "asked": urlencode({name: value for name, value in (("show", show), ("q", text)) if value and value != "all"}),
        **_beside(found),
        "ended": _ended(found, every),
        "seen": timezone.now().isoformat(),
        "grows": show == "all" and not text and not page.has_other_pages(),
    }
    return render(request, "evaluations/run.html", context)


def _known(head: RunHead, every: Sequence[RunCase], show: str, text: str) -> int | None:
    """How many cases the tab shows, where that is known without asking."""
    if not text:
        return next(count for name, _, count in head.tabs if name == show)
    if head.run.is_open:
        return None
    named = counts_by_kind(case for case in every if case.is_named)  # type: ignore[attr-defined]  # by `all_cases`
    return run_rows.counted(named, show)


class CountedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Does not ask how many there are where that is known."""

    def __init__(self, found: QuerySet[RunCase], size: int, known: int | None) -> None:
        super().__init__(found, size)
        self.known = known

    @cached_property
    def count(self) -> int:
        return super().count if self.known is None else self.known


def _shown(request: HttpRequest) -> tuple[str, str]:
    show = request.GET.get("show", "all")
    if show not in run_rows.SHOWS:
        raise Http404("There is no such tab.")
    return show, request.GET.get("q", "").strip().replace("\x00", "")[:100]


def _ended(run: Run, cases: Sequence[RunCase]) -> dict[str, Any] | None:
    """What a gate makes of a run that is over."""
    if run.is_open:
        return None
    done = [case for case in cases if case.state == RunCase.State.DONE]
    return {"gate": gate_view(run, done), "required": run.suite_snapshot.get("required_pass_rate")}


def _beside(run: Run) -> dict[str, Any]:
    """What the run can be held against: the finished run before it, of the same suite and agent, and the baselines of
    its suite as (name, run). One query."""
    same = {"suite": run.suite_id, "agent_version__agent": run.agent_version.agent_id, "state": Run.State.FINISHED}
    earlier = Run.objects.filter(**same, created_at__lte=run.created_at).exclude(pk=run.pk)
    before = Q(pk__in=earlier.order_by("-created_at", "-id").values("pk")[:1])
    found = Run.objects.filter(before | Q(baselines__suite=run.suite_id)).annotate(
        baseline=F("baselines__name"), is_before=Case(When(before, then=Value(True)), default=Value(False))
    )
    rows = list(found.order_by("baselines__name"))
    return {
        "before": next((each for each in rows if each.is_before), None),
        "baselines": [(each.baseline, each) for each in rows if each.baseline],
    }


@require_POST
def baseline(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Later runs of the suite are held against this one, by this name."""
    found = get_object_or_404(_runs(), public_id=public_id)
    name = request.POST.get("name", "").strip().replace("\x00", "")[:60]
    try:
        if not name:
            raise RunRefused("Name the baseline.")
        set_baseline(found, name)
    except RunRefused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, f"This run is the baseline {name} now.")
    return redirect("runs:run", public_id)


@require_GET
async def calls_file(request: HttpRequest, public_id: uuid.UUID, form: str) -> HttpResponseBase:
    """The calls that the page shows, on all its pages: sent as they are read, however many they are."""
    show, text = _shown(request)
    found = await aget_object_or_404(_runs(), public_id=public_id)
    content_type, lines = FORMATS[form]
    rows = run_file.calls(run_rows.cases(found, show, text))
    headers = {"Content-Disposition": f'attachment; filename="run-{found.public_id}.{form}"'}
    return StreamingHttpResponse(lines(run_file.HEAD, rows), content_type=content_type, headers=headers)


@require_POST
def stop(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    found = get_object_or_404(_runs(), public_id=public_id)
    if stop_run(found, f"Stopped by {request.user}."):
        messages.success(request, "No further call is placed; the calls under way end by themselves.")
    else:
        messages.warning(request, "This run is not running any more.")
    return _back(request, public_id)


@require_POST
def retry(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    try:
        again = retry_errors(get_object_or_404(_runs(), public_id=public_id))
    except RunRefused as refused:
        messages.error(request, refused.message)
        return _back(request, public_id)
    if again:
        messages.success(request, f"{again} call{'' if again == 1 else 's'} will be placed again.")
    else:
        messages.warning(request, "There is nothing to call again.")
    return _back(request, public_id)


def _back(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    if cast(HtmxRequest, request).htmx:
        return HttpResponseClientRefresh()
    return redirect("runs:run", public_id)


# --- Comparing --------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
@gzip_page
def compare(request: HttpRequest) -> HttpResponse:
    """?old=&new=, or two `run=` as the list of runs sends them: the older one is the baseline."""
    asked = [
        _uuid(text) for text in [request.GET.get("old", ""), request.GET.get("new", ""), *request.GET.getlist("run")]
    ]
    wanted = [public_id for public_id in asked if public_id]
    if len(set(wanted)) != 2:
        messages.warning(request, "Choose two different runs to compare.")
        return redirect("runs:list")
    runs = {each.public_id: each for each in _runs().filter(public_id__in=wanted)}
    if len(runs) != 2:
        raise Http404("There is no such run.")
    old, new = (runs[public_id] for public_id in wanted)
    if "old" not in request.GET:
        old, new = sorted((old, new), key=lambda each: each.created_at)
    group = "persona" if request.GET.get("group") == "persona" else "change"
    context = {"told": run_comparison.page(old, new, group), "group": group, "swap_url": _compare_url(new, old)}
    return render(request, "evaluations/compare.html", context)


def _compare_url(old: Run, new: Run) -> str:
    return f"{reverse('runs:compare')}?old={old.public_id}&new={new.public_id}"


# --- Trends -----------------------------------------------------------------------------------------------------------
@require_GET
@never_cache
def trends(request: HttpRequest) -> HttpResponse:
    agents = list(agents_with_runs())
    wanted = _uuid(request.GET.get("agent", ""))
    agent = next((each for each in agents if each.public_id == wanted), agents[0] if agents else None)
    period = request.GET.get("period", "month")
    if period not in PERIODS:
        raise Http404("There is no such period.")
    told = trends_of(agent, period) if agent else None
    context = {"agents": agents, "agent": agent, "period": period, "periods": PERIODS, "told": told}
    return render(request, "evaluations/trends.html", context)
