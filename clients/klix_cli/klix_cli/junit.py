"""A run as JUnit XML, as build servers read it: a test case per case, and one for the gate."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

from klix_cli.gate import COULD_NOT_TELL, FAILED, Decision, count, outcome_of

# XML 1.0 has no place for these, not even escaped.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: object) -> str:
    return FORBIDDEN.sub("\ufffd", str(text))


def junit(run: Mapping[str, Any], cases: Sequence[Mapping[str, Any]], decision: Decision, base_url: str) -> bytes:
    failures = count(cases, "fail") + (decision.code == FAILED)
    errors = count(cases, "error")
    skipped = len(cases) - count(cases, "pass", "fail", "error") + (decision.code == COULD_NOT_TELL)
    counts = {"tests": len(cases) + 1, "failures": failures, "errors": errors, "skipped": skipped}
    attributes = {"name": clean(run["suite"]), **{name: str(value) for name, value in counts.items()}}
    root = ET.Element("testsuites", attributes)
    seconds = sum(case["duration_s"] or 0 for case in cases)
    suite = ET.SubElement(root, "testsuite", {**attributes, "time": f"{seconds:.3f}", "timestamp": run["created_at"]})
    properties = ET.SubElement(suite, "properties")
    for name in ("agent", "agent_version", "label", "id"):
        ET.SubElement(properties, "property", {"name": name, "value": clean(run[name])})
    for case in cases:
        _case(suite, case, base_url)
    _gate(suite, decision)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _case(suite: ET.Element, case: Mapping[str, Any], base_url: str) -> None:
    name = ", ".join(filter(None, (case["persona"], case["line"], f"repeat {case['repeat']}")))
    attributes = {"classname": clean(case["scenario"]), "name": clean(name), "time": f"{case['duration_s'] or 0:.3f}"}
    element = ET.SubElement(suite, "testcase", attributes)
    outcome, reason = outcome_of(case), clean(case["reason"])
    if outcome == "fail":
        ET.SubElement(element, "failure", {"message": reason or "failed", "type": clean(case["cause"] or "agent")})
    elif outcome == "error":
        ET.SubElement(element, "error", {"message": reason or "error", "type": clean(case["cause"] or "error")})
    elif outcome != "pass":
        ET.SubElement(element, "skipped", {"message": clean(f"{outcome}. {reason}".strip())})
    if case["call"]:
        ET.SubElement(element, "system-out").text = clean(f"{base_url}/calls/{case['call']}/")


def _gate(suite: ET.Element, decision: Decision) -> None:
    element = ET.SubElement(suite, "testcase", {"classname": "klix", "name": "gate", "time": "0.000"})
    if decision.code == FAILED:
        ET.SubElement(element, "failure", {"message": clean(decision.reason), "type": "gate"})
    elif decision.code == COULD_NOT_TELL:
        ET.SubElement(element, "skipped", {"message": clean(decision.reason)})
