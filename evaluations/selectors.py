"""What is known of calls' evaluations: the call record that is measured, verdicts, figures, findings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from agents.ports import Samples, SpeechToText, VoiceActivity
from calls.audio import wav
from calls.models import Call, CallEvent, Recording, Turn
from calls.states import Ending, Side, Status
from evaluations.audibility import SAMPLE_RATE_HZ
from evaluations.metrics.registry import Limit, Metric, get_metric
from evaluations.models import JUDGED, Criterion, Evaluation, Label, Measurement, Verdict
from evaluations.outcomes import Outcome
from evaluations.record import CallRecord, EventRecord, Segment, TurnRecord
from evaluations.retranscription import reheard
from evaluations.segments import speech_segments
from evaluations.sound import sound_of
from evaluations.wording import beyond_usual

MAX_ATTEMPTS: Final = 3
MAX_FINDINGS: Final = 5
# A recording still open so long after its call's end will not be closed any more.
RECORDING_GRACE: Final = timedelta(minutes=5)


# --- What is to be evaluated ------------------------------------------------------------------------------------------
def has_conversation(call: Call) -> bool:
    """Whether there is anything to judge: the call was answered and completed, and something was said or recorded.

    A message on an answering machine is no conversation.
    """
    if call.status != Status.COMPLETED or call.ending == Ending.VOICEMAIL:
        return False
    return call.turns.exists() or Recording.objects.filter(call=call, duration_ms__gt=0).exists()


def is_recorded(call: Call) -> bool:
    """Whether the recording, if there is one, is complete (or never will be)."""
    open_recording = Recording.objects.filter(call=call, state=Recording.State.OPEN).exists()
    return not open_recording or (call.ended_at or call.created_at) < timezone.now() - RECORDING_GRACE


def calls_without_evaluation() -> QuerySet[Call]:
    """Completed calls with a conversation that nobody asked to evaluate (the message was lost, or never sent)."""
    said = Exists(Turn.objects.filter(call=OuterRef("pk")))
    recorded = Exists(Recording.objects.filter(call=OuterRef("pk"), duration_ms__gt=0))
    evaluated = Exists(Evaluation.objects.filter(call=OuterRef("pk")))
    spoken = ~Q(ending=Ending.VOICEMAIL)
    return Call.objects.filter(Q(said) | Q(recorded), ~Q(evaluated), spoken, status=Status.COMPLETED).order_by("pk")


def waiting_evaluations() -> QuerySet[Evaluation]:
    """Queued, or begun by a worker whose claim ran out."""
    lapsed = Q(state=Evaluation.State.RUNNING, claimed_until__lt=timezone.now())
    return Evaluation.objects.filter(Q(state=Evaluation.State.QUEUED) | lapsed).order_by("pk")


def criteria_for(call: Call) -> QuerySet[Criterion]:
    """The criteria that apply to a call: empty sets of agents and scenarios mean all. Those that the suite of its run
    names apply whatever their sets are."""
    every_agent = ~Exists(Criterion.agents.through.objects.filter(criterion=OuterRef("pk")))
    every_scenario = ~Exists(Criterion.scenarios.through.objects.filter(criterion=OuterRef("pk")))
    fits = (Q(every_agent) | Q(agents=call.agent_id)) & (Q(every_scenario) | Q(scenarios=call.scenario_id))
    return Criterion.objects.filter(fits | _chosen_by_suite(call), archived_at=None).distinct()


def _chosen_by_suite(call: Call) -> Q:
    """By the call's key, which names its run before the run's case names the call."""
    kind, _, rest = (call.idempotency_key or "").partition(":")
    return Q(suites__runs__public_id=rest.partition(":")[0]) if kind == "run" else Q(pk__in=[])


# --- The call record --------------------------------------------------------------------------------------------------
def call_record(
    call: Call,
    activity: VoiceActivity,
    ears: SpeechToText | None = None,
    before_each: Callable[[], None] = lambda: None,
) -> CallRecord:
    """All that metrics and criteria may see. Reads the recording: slow, and not for a transaction.

    `ears` listen to the agent's audio once more, with `before_each` called before each turn. Raises ValueError for a
    recording that cannot be read, OSError for one that is missing, ProviderError for what the ears raise.
    """
    audio = _recording(call)
    channels = 0 if audio is None else audio.shape[1]
    stereo = audio is not None and channels == 2
    duration_ms = 1000 * len(audio) // SAMPLE_RATE_HZ if audio is not None else round(1000 * (call.duration_s or 0))
    turns = tuple(_turn(turn) for turn in call.turns.filter(is_final=True).order_by("index"))
    record = CallRecord(
        duration_ms=duration_ms,
        turns=turns,
        events=tuple(_event(event) for event in call.events.order_by("id")),
        channels=channels,
        status=call.status,
        ending=call.ending,
        facts=_facts(call.scenario_snapshot),
        is_line_part_of_test=_has_line(call.scenario_snapshot),
        prices=settings.PRICES,
    )
    if audio is None or not stereo:
        return record
    again = reheard(turns, audio[:, 1], ears, before_each) if ears else None
    return replace(with_sound(record, audio[:, 0], audio[:, 1], activity), reheard=again)


def with_sound(record: CallRecord, caller: Samples, agent: Samples, activity: VoiceActivity) -> CallRecord:
    """The record with what its two channels tell. Shape (n,), int16, 8 kHz each."""
    speech = {Side.CALLER: channel_segments(caller, activity), Side.AGENT: channel_segments(agent, activity)}
    sound = {Side.CALLER: sound_of(caller, speech[Side.CALLER]), Side.AGENT: sound_of(agent, speech[Side.AGENT])}
    return replace(record, caller=speech[Side.CALLER], agent=speech[Side.AGENT], sound=sound)


def channel_segments(channel: Samples, activity: VoiceActivity) -> tuple[Segment, ...]:
    return speech_segments(np.ascontiguousarray(channel), activity)


def _recording(call: Call) -> "np.typing.NDArray[np.int16] | None":
    recording = Recording.objects.filter(call=call, state=Recording.State.READY).first()
    if recording is None or not recording.file:
        return None
    samples, sample_rate_hz = wav.read(settings.RECORDINGS_DIR / recording.file)
    if sample_rate_hz != SAMPLE_RATE_HZ:
        raise ValueError(f"The recording has {sample_rate_hz} samples a second; {SAMPLE_RATE_HZ} are expected.")
    return samples


def _turn(turn: Turn) -> TurnRecord:
    return TurnRecord(
        id=str(turn.public_id),
        index=turn.index,
        side=Side(turn.side) if turn.side else None,
        text=turn.text,
        start_ms=turn.start_ms,
        end_ms=turn.end_ms,
        heard=turn.heard,
        language=turn.language,
        reference=turn.reference,
        latencies=turn.latencies,
    )


def _event(event: CallEvent) -> EventRecord:
    return EventRecord(event.name, event.side, event.at_ms, event.data)


def _facts(snapshot: object) -> Mapping[str, object]:
    facts = snapshot.get("facts") if isinstance(snapshot, dict) else None
    return facts if isinstance(facts, dict) else {}


def _has_line(snapshot: object) -> bool:
    line = snapshot.get("line") if isinstance(snapshot, dict) else None
    return isinstance(line, dict) and any(key != "seed" for key in line)


def people_said(call: Call) -> dict[int, str]:
    """Criterion → the outcome that people gave it on this call, of the criteria that a judge decides."""
    labels = Label.objects.filter(verdict__evaluation__call=call, verdict__kind__startswith=JUDGED)
    return dict(labels.order_by("updated_at", "id").values_list("verdict__criterion", "outcome"))


# --- Results ----------------------------------------------------------------------------------------------------------
def latest_evaluation(call: Call) -> Evaluation | None:
    """The evaluation that counts, with its verdicts and figures: three queries. `before_of` tells what it had."""
    before = _replies_before().order_by("-evaluation__call__created_at", "-evaluation__call", "-evaluation__number")
    found = Evaluation.objects.filter(call=call).prefetch_related("verdicts", "measurements")
    return (
        found.annotate(
            before_s=Subquery(before.values("value")[:1]),
            before_at=Subquery(before.values("evaluation__call__created_at")[:1]),
        )
        .order_by("-number")
        .first()
    )


def _replies_before() -> QuerySet[Measurement]:
    """Reply times of earlier calls of the same scenario and persona with the same agent."""
    same = {f"evaluation__call__{name}": OuterRef(f"call__{name}") for name in ("agent", "scenario", "persona")}
    earlier = {"evaluation__call__created_at__lt": OuterRef("call__created_at")}
    return Measurement.objects.filter(metric="reply_time", evaluation__state=Evaluation.State.DONE, **same, **earlier)


@dataclass(frozen=True, slots=True)
class Before:
    """The median reply of the call before, in seconds, and when that call was."""

    median_s: float
    at: datetime


def before_of(evaluation: Evaluation) -> Before | None:
    """Of one that `latest_evaluation` found; None where there is no earlier call like it, or nobody replied on it."""
    median_s, at = getattr(evaluation, "before_s", None), getattr(evaluation, "before_at", None)
    return None if median_s is None or at is None else Before(median_s, at)


@dataclass(frozen=True, slots=True)
class FigureRow:
    """A measurement as a page shows it."""

    measurement: Measurement
    metric: Metric | None  # None: this version of Klix has no such metric

    @property
    def label(self) -> str:
        return self.metric.label if self.metric else self.measurement.metric

    @property
    def definition(self) -> str:
        return self.metric.definition if self.metric else ""

    @property
    def broken(self) -> list[tuple[str, float, Limit]]:
        """The default limits that are not kept: (part, value, limit)."""
        limits = self.metric.limits if self.metric else {}
        values = [(part, self.part(part), limit) for part, limit in limits.items()]
        return [(part, value, limit) for part, value, limit in values if value is not None and not limit.keeps(value)]

    @property
    def beyond_usual(self) -> str:
        """The first default limit that is not kept, with the value, as a sentence; "" where all are kept."""
        if self.metric is None or not self.broken:
            return ""
        part, value, limit = self.broken[0]
        reads, unit = self.metric.reads_as(part), self.metric.unit_of(part)
        return beyond_usual(reads, value, self.measurement.n, limit.minimum, limit.maximum, unit)

    def part(self, name: str) -> float | None:
        return self.measurement.value if name == "value" else self.measurement.parts.get(name)


def figures(evaluation: Evaluation) -> list[FigureRow]:
    return [FigureRow(each, get_metric(each.metric)) for each in evaluation.measurements.all()]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a reader should hear first. `start_ms` is None where it has no place in the call."""

    number: int
    title: str
    text: str
    kind: str  # "judged" or "measured"
    outcome: str  # an Outcome, or "over limit"
    start_ms: int | None
    end_ms: int | None
    turn: str | None = None
    quote: str = ""


def findings(evaluation: Evaluation) -> list[Finding]:
    """At most five: failed verdicts, critical ones first, then figures beyond their default limits."""
    failed = [verdict for verdict in evaluation.verdicts.all() if verdict.counted is Outcome.FAIL]
    failed.sort(key=lambda verdict: not verdict.is_critical)
    told = {verdict.config.get("figure") for verdict in failed if verdict.kind == "metric"}
    rows = [row for row in figures(evaluation) if row.broken and row.measurement.metric not in told]
    drafts = [_of_verdict(verdict) for verdict in failed] + [_of_figure(row) for row in rows]
    return [Finding(number=number, **draft) for number, draft in enumerate(drafts[:MAX_FINDINGS], start=1)]


def _of_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "title": verdict.criterion_name,
        "text": verdict.reason,
        "kind": "measured" if verdict.decided_by == "metric" else "judged",
        "outcome": verdict.counted,
        **_place(verdict.evidence),
    }


def _of_figure(row: FigureRow) -> dict[str, Any]:
    return {
        "title": row.label,
        "text": row.beyond_usual,
        "kind": "measured",
        "outcome": "over limit",
        **_place(_worst_first(row.measurement.occurrences)),
    }


def _worst_first(occurrences: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(occurrences, key=lambda each: -(each.get("value") or 0))


def _place(evidence: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = evidence[0] if evidence else {}
    return {
        "start_ms": first.get("start_ms"),
        "end_ms": first.get("end_ms"),
        "turn": first.get("turn"),
        "quote": first.get("quote", ""),
    }
