"""A comparison as the API tells it."""

from typing import Any

from evaluations.run_models import RunCase
from evaluations.run_serializers import left_out_body
from evaluations.runs.beside import CriterionShift, ReplyShift
from evaluations.runs.comparison import CasePair, Comparison


def comparison_body(told: Comparison) -> dict[str, Any]:
    gate = told.gate
    return {
        "old": str(told.old.public_id),
        "new": str(told.new.public_id),
        "verdict": told.verdict,
        "worse": told.worse,
        "cases": {
            "n": told.pairs.n,
            "both_passed": told.pairs.both_passed,
            "regressed": told.pairs.lost,
            "fixed": told.pairs.won,
            "both_failed": told.pairs.both_failed,
            "missing": len(told.missing),
        },
        "gate": {
            "verdict": gate.verdict,
            "p": gate.p,
            "difference": gate.difference,
            "low": gate.interval.low,
            "high": gate.interval.high,
            "more_calls": gate.more_calls,
        },
        "regressed": [_pair(pair) for pair in told.regressed],
        "fixed": [_pair(pair) for pair in told.fixed],
        "missing": [_pair(pair) for pair in told.missing],
        "criteria": [_criterion(each) for each in told.criteria],
        "reply_times": [_reply(each) for each in told.reply_times],
        "left_out": left_out_body(told.left_out),
        "only_old": told.only_old,
        "only_new": told.only_new,
    }


def _pair(pair: CasePair) -> dict[str, Any]:
    return {
        "scenario": pair.case.scenario.name,
        "persona": pair.case.persona.name,
        "line": pair.case.line_name,
        "repeat": pair.case.repeat,
        "old": _side(pair.old),
        "new": _side(pair.new),
    }


def _side(case: RunCase | None) -> dict[str, Any] | None:
    if case is None:
        return None
    call = str(case.call.public_id) if case.call else None
    return {"outcome": case.outcome, "cause": case.cause, "reason": case.reason, "call": call}


def _criterion(each: CriterionShift) -> dict[str, Any]:
    return {
        "name": each.name,
        "verdict": each.verdict,
        "n": each.pairs.n,
        "regressed": each.pairs.lost,
        "fixed": each.pairs.won,
        "p": each.p,
        "adjusted_p": each.adjusted_p,
    }


def _reply(each: ReplyShift) -> dict[str, Any]:
    shift = each.shift
    return {
        "percentile": shift.q,
        "verdict": each.verdict,
        "old": shift.old,
        "new": shift.new,
        "difference": shift.difference,
        "low": shift.interval.low,
        "high": shift.interval.high,
        "calls": shift.calls,
        "p": shift.p,
        "adjusted_p": each.adjusted_p,
    }
