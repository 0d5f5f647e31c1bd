"""klix: run suites against voice agents, and keep their definitions as files.

KLIX_URL and KLIX_TOKEN name the installation; make a token there with: manage.py api_token NAME
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from klix_cli import commands
from klix_cli.client import Client, Refused, Unreachable
from klix_cli.gate import COULD_NOT_TELL
from klix_cli.schemas import KINDS

EXIT_CODES = "Exit codes: 0 passed; 1 a regression, a failed gate, a wrong definition; 2 it could not be told."


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="klix", description=__doc__, epilog=EXIT_CODES)
    found.add_argument("--url", default=os.environ.get("KLIX_URL", "http://127.0.0.1:8765"), help="default: KLIX_URL")
    found.add_argument("--token", default=os.environ.get("KLIX_TOKEN", ""), help="default: KLIX_TOKEN")
    each = found.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _run(each.add_parser("run", help="run a suite against an agent and judge it", epilog=EXIT_CODES))
    comparison = each.add_parser("compare", help="hold a run against a baseline or an older run", epilog=EXIT_CODES)
    comparison.add_argument("run", metavar="RUN", help="the id of the newer run")
    older = comparison.add_mutually_exclusive_group(required=True)
    older.add_argument("--baseline", metavar="NAME")
    older.add_argument("--older", metavar="RUN")
    _strict(comparison)
    comparison.set_defaults(do=commands.compare)
    stop = each.add_parser("stop", help="place no further call of a run")
    stop.add_argument("run", metavar="RUN")
    stop.set_defaults(do=commands.stop)
    push = each.add_parser("push", help="write the definitions of YAML files to Klix")
    push.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files and folders")
    push.add_argument("--check", action="store_true", help="only check the files, without Klix")
    push.set_defaults(do=commands.push)
    pull = each.add_parser("pull", help="write Klix's definitions to YAML files")
    pull.add_argument("folder", type=Path, metavar="FOLDER")
    pull.set_defaults(do=commands.pull)
    schema = each.add_parser("schema", help="print the JSON Schema of a kind of definition")
    schema.add_argument("kind", choices=tuple(KINDS))
    schema.set_defaults(do=commands.schema)
    return found


def _run(run: argparse.ArgumentParser) -> None:
    run.add_argument("suite", metavar="SUITE")
    run.add_argument("--agent", required=True, metavar="NAME")
    run.add_argument("--version", type=int, metavar="N", help="default: the agent's current version")
    run.add_argument("--baseline", metavar="NAME", help="fail if the run is worse than this one")
    run.add_argument("--save-baseline", metavar="NAME", help="make this run the baseline unless it failed")
    run.add_argument("--junit", type=Path, metavar="FILE")
    run.add_argument("--json", type=Path, metavar="FILE")
    run.add_argument("--max-minutes", type=int, metavar="N", help="stop when calls have lasted so long together")
    run.add_argument("--max-cost", metavar="AMOUNT", help="stop when this is spent")
    run.add_argument("--seed", type=int, metavar="N")
    run.add_argument("--label", default="", metavar="TEXT", help="a commit or a branch, for the reader")
    _strict(run)
    run.set_defaults(do=commands.run)


def _strict(command: argparse.ArgumentParser) -> None:
    told = "let judges with fewer than 20 labels from people decide too; otherwise they are left out"
    command.add_argument("--strict-judges", action="store_const", const=True, help=told)


def main(arguments: Sequence[str] | None = None, console: Console | None = None) -> int:
    options = parser().parse_args(arguments)
    console = console or Console()
    needs_klix = not (options.command == "schema" or getattr(options, "check", False))
    if needs_klix and not options.token:
        console.print("There is no token. Make one with manage.py api_token NAME, and set KLIX_TOKEN.", markup=False)
        return COULD_NOT_TELL
    try:
        return int(options.do(options, Client(options.url, options.token), console))
    except Refused as refused:
        console.print(f"Klix refused: {refused.message}", markup=False)
    except Unreachable as unreachable:
        console.print(str(unreachable), markup=False)
    except OSError as error:
        console.print(f"A file cannot be read or written: {error}", markup=False)
    return COULD_NOT_TELL


def entry() -> int:
    """A fault of ours is no regression of theirs: Python's own exit code for it would say so."""
    try:
        return main()
    except Exception:  # noqa: BLE001  (shown in full, with the exit code of what could not be told)
        Console(stderr=True).print_exception()
        return COULD_NOT_TELL


if __name__ == "__main__":
    sys.exit(entry())
