"""What each command does; each returns its exit code."""

import json
import uuid
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from klix_cli import documents
from klix_cli.client import Client, Refused
from klix_cli.gate import COULD_NOT_TELL, FAILED, PASSED, Decision, decide
from klix_cli.junit import junit
from klix_cli.schemas import KINDS
from klix_cli.tables import show_cases, show_comparison, show_results

POLL_S: Final = 2.0
OVER: Final = ("finished", "stopped")


# --- Runs -------------------------------------------------------------------------------------------------------------
def run(options: Namespace, client: Client, console: Console) -> int:
    """Begin a run, follow it, compare it, report it."""
    asked = {"suite": options.suite, "agent": options.agent, "label": options.label}
    asked |= {name: value for name in LIMITS if (value := getattr(options, name)) is not None}
    begun = client.post("runs/", asked, key=uuid.uuid4().hex)
    try:
        ended = follow(begun, client, console)
    except KeyboardInterrupt:
        client.post(f"runs/{begun['id']}/stop", {})
        console.print("Stopped: no further call is placed.")
        return COULD_NOT_TELL
    comparison, missing = _compared(ended, options.baseline, client)
    cases = list(client.all(f"runs/{ended['id']}/cases/"))
    decision = decide(ended, comparison, missing)
    _report(options, client, ended, cases, comparison, decision)
    show_cases(console, cases)
    show_results(console, ended)
    if comparison:
        show_comparison(console, comparison)
    if options.save_baseline and ended["state"] == "finished" and decision.code != FAILED:
        client.post("baselines/", {"name": options.save_baseline, "run": ended["id"]})
        console.print(f"This run is the baseline {options.save_baseline} now.", markup=False)
    return _conclude(decision, console)


LIMITS: Final = ("version", "max_minutes", "max_cost", "seed", "strict_judges")


def follow(begun: Mapping[str, Any], client: Client, console: Console) -> dict[str, Any]:
    """Poll until the run is over, with a bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Calling", total=begun["progress"]["total"], left="")
        while True:
            now: dict[str, Any] = client.get(f"runs/{begun['id']}/")
            told = now["progress"]
            bar.update(task, completed=told["done"] + told["stopped"], left=_left(told["left_s"]))
            if now["state"] in OVER:
                return now
            client.sleep(POLL_S)


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"


def _compared(ended: Mapping[str, Any], baseline: str | None, client: Client) -> tuple[dict[str, Any] | None, str]:
    """The comparison, and the name of the baseline where there is none of it."""
    if not baseline:
        return None, ""
    try:
        told: dict[str, Any] = client.get("comparisons/", run=ended["id"], baseline=baseline)
    except Refused as refused:
        if refused.code != "not_found":
            raise
        return None, baseline
    return told, ""


def _report(
    options: Namespace,
    client: Client,
    ended: dict[str, Any],
    cases: list[dict[str, Any]],
    comparison: dict[str, Any] | None,
    decision: Decision,
) -> None:
    if options.junit:
        _write(options.junit, junit(ended, cases, decision, client.base_url))
    if options.json:
        told = {"run": ended, "cases": cases, "comparison": comparison}
        body = {"exit_code": decision.code, "reason": decision.reason, **told}
        _write(options.json, json.dumps(body, indent=2, ensure_ascii=False).encode())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _conclude(decision: Decision, console: Console) -> int:
    word = {PASSED: "Passed.", FAILED: "Failed.", COULD_NOT_TELL: "Could not tell."}[decision.code]
    console.print(f"\n{word} {decision.reason}", markup=False)
    return decision.code


def compare(options: Namespace, client: Client, console: Console) -> int:
    """Hold a run that is over against a baseline or another run."""
    ended = client.get(f"runs/{options.run}/")
    older = {"baseline": options.baseline} if options.baseline else {"with": options.older}
    strict = {"strict_judges": "true"} if options.strict_judges else {}
    told = client.get("comparisons/", run=options.run, **older, **strict)
    show_comparison(console, told)
    return _conclude(decide(ended, told), console)


def stop(options: Namespace, client: Client, console: Console) -> int:
    """Place no further call of a run."""
    told = client.post(f"runs/{options.run}/stop", {})
    console.print(f"The run is {told['state']}.", markup=False)
    return PASSED


# --- Definitions ------------------------------------------------------------------------------------------------------
def push(options: Namespace, client: Client, console: Console) -> int:
    """Check all files, then write every definition by name. Nothing is sent while anything is wrong."""
    found, problems = documents.read(options.paths)
    if not problems and not options.check:
        for document in found:
            if problems := _send(document, client, console):
                break
    for problem in problems:
        console.print(str(problem), markup=False, soft_wrap=True, highlight=False)
    if not found and not problems:
        console.print("No definitions were found: give folders or files with .yaml at the end.")
        return COULD_NOT_TELL
    if options.check and not problems:
        console.print(f"{len(found)} definitions are well formed.")
    return FAILED if problems else PASSED


def _send(document: documents.Document, client: Client, console: Console) -> list[documents.Problem]:
    try:
        client.post(f"{KINDS[document.kind][0]}/", document.body)
    except Refused as refused:
        if refused.code != "invalid":
            raise
        return documents.refused(document, dict(refused.fields), refused.message)
    console.print(f"{document.kind:<10} {document.name}", markup=False, highlight=False)
    return []


def pull(options: Namespace, client: Client, console: Console) -> int:
    """Write every definition into a file of its own."""
    for kind, (folder, _) in KINDS.items():
        taken: set[str] = set()
        for body in client.all(f"{folder}/"):
            path = options.folder / folder / documents.file_name(body["name"], taken)
            text = documents.as_yaml(kind, body)
            if path.exists() and path.read_text(encoding="utf-8") == text:
                continue
            _write(path, text.encode())
            console.print(str(path), markup=False, highlight=False)
    return PASSED


def schema(options: Namespace, client: Client, console: Console) -> int:
    """The JSON Schema of one kind of definition, for editors."""
    console.print_json(json.dumps(KINDS[options.kind][1]))
    return PASSED
