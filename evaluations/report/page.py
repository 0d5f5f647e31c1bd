"""All that the page of one call shows: the call, its newest evaluation, and its recording, put together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from django.db.models import prefetch_related_objects

from calls.badges import Badge, is_transcribing, verdict_badge
from calls.costs import CallCost
from calls.functions import Function
from calls.heading import Heading, heading_of
from calls.live_peaks import Piece, pieces_of
from calls.models import Call, Recording, Turn
from calls.notices import ProviderNotice
from calls.peaks import Peaks, peaks_of
from calls.transcript import Mark, ShownTurn, caller_name, shown_turn
from evaluations.models import Evaluation, Measurement, Verdict
from evaluations.outcomes import Outcome
from evaluations.report import timeline as draw
from evaluations.report.figures import Figure, Measured, figures, reply_limit_s
from evaluations.report.labels import Choice, choices, people_on
from evaluations.report.limits import Limits, limits_of
from evaluations.report.line import LineFact, line_facts
from evaluations.report.providers import ProviderTime, provider_times, told_by_events
from evaluations.report.silences import on_silence
from evaluations.selectors import Finding, before_of, findings, latest_evaluation

# How far a turn's written start may lie from the speech that a reply was measured to.
NEAR_MS = 500
# With so many findings nobody looks at unusual figures.
ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    start_ms: int
    end_ms: int
    quote: str
    is_spoken: bool  # a turn's words, rather than a description


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    verdict: Verdict
    badge: Badge
    number: int  # of its finding; 0: none
    by: str  # Judged or Measured
    evidence: list[Evidence]
    choices: list[Choice]  # what a person may say of it; [] of what no judge decided
    people: str = ""  # who said what


@dataclass(frozen=True, slots=True)
class ShownFinding:
    number: int
    title: str
    line: str
    text: str
    start_ms: int | None
    end_ms: int
    turn: str  # the turn's public id; "" for a stretch of the call
    quote: str
    is_failure: bool  # else a figure beyond what is usual


@dataclass(frozen=True, slots=True)
class Gap:
    """A finding between turns."""

    finding: ShownFinding


@dataclass(frozen=True, slots=True)
class CallReport:
    call: Call
    heading: Heading
    caller: str
    evaluation: Evaluation | None
    findings: list[ShownFinding]
    figures: list[Figure]
    verdicts: list[ShownVerdict]
    transcript: list[ShownTurn | Gap | Function]
    timeline: draw.Timeline | None
    recording: Recording | None
    cost: CallCost
    times: list[ProviderTime]
    line: list[LineFact]
    notices: list[ProviderNotice]
    tabs: list[tuple[str, str, int]]
    live_wave: list[Piece]  # of a call that lasts
    silent_side: str

    @property
    def last_turn(self) -> int | None:
        """Of the caller's turns: a scenario that is made of the call leads to it."""
        said = [turn.index for turn in self.transcript if isinstance(turn, ShownTurn) and turn.side == "caller"]
        return said[-1] if said and not self.call.is_live else None

    @property
    def is_transcribing(self) -> bool:
        return is_transcribing(self.call)

    @property
    def is_scoring(self) -> bool:
        return self.evaluation is not None and self.evaluation.state in ("queued", "running")


def call_report(call: Call) -> CallReport:
    """`call` as `calls.selectors.call_for_page` fetches it. Five more queries, whatever the number of rows."""
    evaluation = None if call.is_live else latest_evaluation(call)  # a live call has none
    if evaluation:
        prefetch_related_objects([evaluation], "verdicts__criterion")
    verdicts = list(evaluation.verdicts.all()) if evaluation else []
    turns, caller = list(call.turns.all()), caller_name(call)
    for verdict in verdicts:
        if verdict.kind == "metric":
            verdict.evidence = on_silence(verdict.evidence, turns)
    measured = {row.metric: _measured(row) for row in evaluation.measurements.all()} if evaluation else {}
    found = _findings(evaluation) if evaluation else []
    recording: Recording | None = getattr(call, "recording", None)
    told = told_by_events(call)
    is_done = evaluation is not None and evaluation.state == Evaluation.State.DONE
    shown = _verdicts(verdicts, found, people_on(call, verdicts))
    limits = limits_of(verdict.config for verdict in verdicts if verdict.kind == "metric")
    return CallReport(
        call=call,
        heading=heading_of(call, evaluation),
        caller=caller,
        evaluation=evaluation,
        findings=found,
        figures=_figures(evaluation, verdicts, measured, limits) if evaluation and is_done else [],
        verdicts=shown,
        transcript=_transcript(turns, caller, found, verdicts, measured, told.functions),
        timeline=None if call.is_live else _timeline(turns, found, measured, recording, limits),
        cost=told.cost,
        times=provider_times(turns),
        line=line_facts(measured.get("line"), caller) if is_done else [],
        notices=told.notices,
        recording=recording if recording and recording.state == Recording.State.READY else None,
        tabs=_tabs(shown),
        live_wave=pieces_of(call.public_id) if call.is_live else [],
        silent_side=_silent_side(turns, caller) if is_done else "",
    )


def _figures(
    evaluation: Evaluation, verdicts: list[Verdict], measured: dict[str, Measured], limits: Limits
) -> list[Figure]:
    before = before_of(evaluation)
    told = (before.median_s, before.at) if before else None
    return figures([verdict.counted for verdict in verdicts], measured, limits, told)


def _silent_side(turns: list[Turn], caller: str) -> str:
    """Who never said a word although the other did; "" where both spoke, or none."""
    sides = {turn.side for turn in turns}
    return {frozenset({"agent"}): caller, frozenset({"caller"}): "The agent"}.get(frozenset(sides), "")


def _measured(row: Measurement) -> Measured:
    return Measured(row.metric, row.value, row.note, row.n, row.parts, row.occurrences)


def _findings(evaluation: Evaluation) -> list[ShownFinding]:
    """What failed; where that is little, also the figures that are beyond what is usual."""
    found = [_finding(each) for each in findings(evaluation)]
    return [each for each in found if each.is_failure or each.number <= ENOUGH]


def _finding(found: Finding) -> ShownFinding:
    return ShownFinding(
        number=found.number,
        title=found.title,
        line=first_sentence(found.text),
        text=found.text,
        start_ms=found.start_ms,
        end_ms=found.end_ms or found.start_ms or 0,
        turn=found.turn or "",
        quote=found.quote,
        is_failure=found.outcome == "fail",
    )


def first_sentence(text: str) -> str:
    """The first sentence without its full stop; a point within a number ends none."""
    return text.strip().partition(". ")[0].removesuffix(".")


def _verdicts(verdicts: list[Verdict], found: list[ShownFinding], people: Mapping[int, str]) -> list[ShownVerdict]:
    """Failed ones first, then what could not be told, then what passed."""
    numbers = {finding.title: finding.number for finding in found if finding.is_failure}
    shown = [
        ShownVerdict(
            verdict,
            verdict_badge(verdict.counted),
            numbers.get(verdict.criterion_name, 0) if verdict.counted is Outcome.FAIL else 0,
            _by(verdict),
            [_evidence(item) for item in verdict.evidence],
            choices(verdict) if verdict.is_judged else [],
            people.get(verdict.criterion_id, "") if verdict.is_judged else "",
        )
        for verdict in verdicts
    ]
    order = {"fail": 0, "error": 1, "unsure": 2, "pass": 3, "not applicable": 4}
    return sorted(shown, key=lambda each: (order[each.verdict.counted], each.number))


def _evidence(item: Mapping[str, object]) -> Evidence:
    start_ms = int(str(item.get("start_ms") or 0))
    end_ms = int(str(item.get("end_ms") or start_ms))
    return Evidence(start_ms, end_ms, str(item.get("quote") or ""), bool(item.get("turn")))


def _by(verdict: Verdict) -> str:
    if verdict.counted is Outcome.NOT_APPLICABLE:
        return "Not tested"
    if verdict.said and verdict.said != verdict.outcome:
        return "By people"
    return "Judged" if verdict.is_judged else "Measured"


def _tabs(verdicts: list[ShownVerdict]) -> list[tuple[str, str, int]]:
    kinds = [each.badge.kind for each in verdicts]
    tabs = [
        ("all", "All", len(kinds)),
        ("fail", "Failed", kinds.count("fail")),
        ("pass", "Passed", kinds.count("pass")),
    ]
    return tabs if kinds else []


# --- The transcript ---------------------------------------------------------------------------------------------------
def _transcript(
    turns: list[Turn],
    caller: str,
    found: list[ShownFinding],
    verdicts: list[Verdict],
    measured: Mapping[str, Measured],
    functions: list[Function],
) -> list[ShownTurn | Gap | Function]:
    gaps = [finding for finding in found if finding.start_ms is not None and not finding.turn]
    marks = _marks(found, verdicts)
    replies = _replies(turns, measured)
    shown: list[ShownTurn | Gap | Function] = []
    called = [function for function in functions if function.is_shown]
    for turn in turns:
        while called and called[0].at_ms < turn.start_ms:
            shown.append(called.pop(0))
        before = [gap for gap in gaps if gap.start_ms is not None and gap.start_ms <= turn.start_ms]
        shown += [Gap(gap) for gap in before]
        gaps = [gap for gap in gaps if gap not in before]
        here = str(turn.public_id)
        notes = [finding.text for finding in found if finding.turn == here and finding.text]
        reply_ms = replies.get(turn.index)
        drawn = shown_turn(turn, caller, marks.get(here, []))
        shown.append(replace(drawn, notes=notes, reply_ms=reply_ms, is_first_word=turn.index == 0))
    return [*shown, *called, *map(Gap, gaps)]


def _marks(found: list[ShownFinding], verdicts: list[Verdict]) -> dict[str, list[Mark]]:
    """By turn: the words that a finding is about, and those that its verdict refers to beside them."""
    marks: dict[str, list[Mark]] = {}
    titles = {finding.title for finding in found if finding.is_failure}
    for finding in found:
        if finding.turn:
            marks.setdefault(finding.turn, []).append(Mark(finding.quote, "bad", finding.number))
    for verdict in verdicts:
        if verdict.counted is Outcome.FAIL and verdict.criterion_name in titles:
            for item in verdict.evidence[1:]:
                marks.setdefault(str(item.get("turn")), []).append(Mark(str(item.get("quote") or ""), "ref"))
    return marks


def _replies(turns: list[Turn], measured: Mapping[str, Measured]) -> dict[int, float]:
    """By turn index: the measured time, in ms, that the agent took to begin this turn."""
    replies: dict[int, float] = {}
    first = measured.get("first_word")
    waits = measured["reply_time"].occurrences if "reply_time" in measured else ()
    for turn in turns:
        if turn.side != "agent":
            continue
        if turn.index == 0 and first and first.value is not None:
            replies[0] = 1000 * first.value
        for wait in waits:
            begun_ms = wait["end_ms"] if wait["value"] >= 0 else wait["start_ms"]
            if abs(begun_ms - turn.start_ms) <= NEAR_MS:
                replies.setdefault(turn.index, 1000 * wait["value"])
    return replies


# --- The timeline -----------------------------------------------------------------------------------------------------
def _timeline(
    turns: list[Turn],
    found: list[ShownFinding],
    measured: Mapping[str, Measured],
    recording: Recording | None,
    limits: Limits,
) -> draw.Timeline | None:
    peaks = peaks_of(recording) if recording else None
    duration_ms = max([int(peaks.duration_ms) if peaks else 0, *(turn.end_ms for turn in turns)])
    if not duration_ms:
        return None
    axis = draw.Axis(duration_ms)
    places = [(finding, finding.start_ms) for finding in found if finding.start_ms is not None]
    return draw.Timeline(
        duration_ms=duration_ms,
        ticks=draw.ticks(axis),
        blocks=[draw.block(axis, turn.index, turn.side, turn.start_ms, turn.end_ms) for turn in turns if turn.side],
        bars=_bars(axis, measured, reply_limit_s(limits), {start_ms for _, start_ms in places}),
        bands=[_band(axis, finding, turns) for finding, _ in places],
        pins=_pins(axis, places),
        waves=_waves(peaks, duration_ms),
        fine_ticks=draw.fine_ticks(axis),
        limit_s=reply_limit_s(limits),
    )


def _pins(axis: draw.Axis, places: list[tuple[ShownFinding, int]]) -> list[draw.Pin]:
    """One pin a finding, in time; the page gathers those that would cover each other at its width."""
    ordered = sorted(places, key=lambda place: place[1])
    return [
        draw.Pin(finding.number, finding.title, start_ms, round(axis.share(start_ms), 3), finding.is_failure)
        for finding, start_ms in ordered
    ]


def _band(axis: draw.Axis, finding: ShownFinding, turns: list[Turn]) -> draw.Band:
    """Over the quoted words where they are known, else over the whole stretch."""
    start_ms, end_ms = finding.start_ms or 0, finding.end_ms
    turn = next((each for each in turns if str(each.public_id) == finding.turn), None)
    if turn is None or not turn.side:
        return draw.band(axis, finding.number, start_ms, end_ms)
    return draw.band(axis, finding.number, start_ms, end_ms, turn.side)


def _bars(
    axis: draw.Axis, measured: Mapping[str, Measured], limit_s: float | None, found_ms: set[int]
) -> list[draw.ReplyBar]:
    waits = [each for name in ("first_word", "reply_time") if name in measured for each in measured[name].occurrences]
    bars = []
    for each in waits:
        if (each.get("value") or 0) > 0:
            bar = draw.reply_bar(axis, int(each["start_ms"]), int(each["end_ms"]), float(each["value"]), limit_s)
            bars.append(replace(bar, is_found=int(each["start_ms"]) in found_ms))
    return bars


def _waves(peaks: Peaks | None, duration_ms: int) -> list[draw.Wave]:
    if peaks is None:
        return []
    columns = round(duration_ms / peaks.column_ms, 2)
    if not peaks.agent:
        return [draw.wave(draw.BOTH, peaks.caller, columns)]
    return [draw.wave("caller", peaks.caller, columns), draw.wave("agent", peaks.agent, columns)]
