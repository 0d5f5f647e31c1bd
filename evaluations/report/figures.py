"""The six numbers of a call's page. Pure.

They are read from the stored measurements, never computed here: what the page shows is what was measured.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.template.defaultfilters import floatformat

from evaluations.report.limits import Limits, limit

NOT_KNOWN = "–"
SMALLEST_CHANGE_S = 0.005


@dataclass(frozen=True, slots=True)
class Measured:
    """A stored measurement. Values are in `unit`: seconds, a count, or a share."""

    metric: str
    value: float | None
    note: str = ""
    n: int = 0
    parts: Mapping[str, float] = field(default_factory=dict)
    occurrences: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    label: str
    value: str
    unit: str = ""
    sub: str = ""
    tone: str = ""  # bad or ""
    share: float | None = None  # the agent's part of the talking, 0 to 1
    change: float | None = None  # in `unit`, since the call `since`
    since: datetime | None = None

    @property
    def change_size(self) -> str:
        return floatformat(abs(self.change or 0), 2)

    @property
    def agent_width(self) -> str:
        return f"{98 * (self.share or 0):.1f}%"

    @property
    def caller_x(self) -> str:
        return f"{98 * (self.share or 0) + 2:.1f}%"

    @property
    def caller_width(self) -> str:
        return f"{98 * (1 - (self.share or 0)):.1f}%"


def figures(
    outcomes: Sequence[str],
    measured: Mapping[str, Measured],
    limits: Limits = MappingProxyType({}),
    before: tuple[float, datetime] | None = None,
) -> list[Figure]:
    """`before`: the median reply in seconds of the last call like this one, and when that was."""
    reply, talk = measured.get("reply_time"), measured.get("talk_share")
    first_most = limit(limits, "first_word", "value")
    return [
        _criteria(outcomes),
        _against(_median(reply, limits), reply, before),
        _of("Slowest reply", reply, "max", most=reply_limit_s(limits)),
        _of("First word", measured.get("first_word"), "value", most=first_most),
        _overlap(measured, limit(limits, "talk_over", "value")),
        _talk_share(talk),
    ]


def reply_limit_s(limits: Limits = MappingProxyType({})) -> float | None:
    """What one reply may take."""
    return limit(limits, "reply_time", "max", "p95")


def _criteria(outcomes: Sequence[str]) -> Figure:
    tested = len(outcomes) - outcomes.count("not applicable")
    if not outcomes:
        return Figure("Criteria passed", NOT_KNOWN, sub="No criterion applies")
    words = {"fail": "failed", "unsure": "unsure", "error": "not judged", "not applicable": "not tested"}
    rest = [f"{count} {word}" for outcome, word in words.items() if (count := outcomes.count(outcome))]
    tone = "bad" if "fail" in outcomes else ""
    return Figure("Criteria passed", str(outcomes.count("pass")), f"of {tested}", ", ".join(rest) or "All passed", tone)


def _of(label: str, measured: Measured | None, part: str, *, most: float | None, sub: str = "") -> Figure:
    """A figure in seconds against its limit; without a value, the note that says why."""
    value = None
    if measured:
        value = measured.value if part == "value" else measured.parts.get(part)
    if value is None:
        return Figure(label, NOT_KNOWN, sub=measured.note if measured else "Not measured")
    limited = "" if most is None else f"Limit {most:.3g} s"
    return Figure(label, floatformat(value, 2), "s", sub or limited, "bad" if most is not None and value > most else "")


def _median(reply: Measured | None, limits: Limits) -> Figure:
    return _of("Median reply", reply, "p50", sub=_replies(reply), most=limit(limits, "reply_time", "p50", "value"))


def _against(figure: Figure, reply: Measured | None, before: tuple[float, datetime] | None) -> Figure:
    """With the change since the call before; a change that rounds to nothing is none."""
    median_s = reply.parts.get("p50") if reply else None
    if before is None or median_s is None or abs(median_s - before[0]) < SMALLEST_CHANGE_S:
        return figure
    return replace(figure, change=median_s - before[0], since=before[1])


def _replies(reply: Measured | None) -> str:
    if reply is None or not reply.n:
        return ""
    return "Of 1 reply" if reply.n == 1 else f"Of {reply.n} replies"


def _overlap(measured: Mapping[str, Measured], most_percent: float | None) -> Figure:
    talk = measured.get("talk_over")
    if talk is None or talk.value is None:
        return Figure("Overlap", NOT_KNOWN, sub=talk.note if talk else "Not measured")
    times = {side: _count(measured.get(f"{side}_interruptions")) for side in ("agent", "caller")}
    # The agent's own are what it is judged by: they are told first.
    sub = next((f"{side.capitalize()} interrupted {_times(n)}" for side, n in times.items() if n), "No interruption")
    bad = times["agent"] > 0 or (most_percent is not None and talk.value > most_percent)
    return Figure("Overlap", floatformat(talk.parts.get("total", 0), 2), "s", sub, "bad" if bad else "")


def _count(measured: Measured | None) -> int:
    return int(measured.value or 0) if measured else 0


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _talk_share(talk: Measured | None) -> Figure:
    if talk is None or talk.value is None:
        return Figure("Talk share", NOT_KNOWN, sub=talk.note if talk else "Not measured")
    return Figure("Talk share", floatformat(100 * talk.value, 0), "% agent", share=talk.value)
