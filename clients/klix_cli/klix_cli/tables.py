"""What a person sees in the terminal. Text from Klix is shown as it is: brackets in it are no markup."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from klix_cli.gate import outcome_of

COLOURS = {"pass": "green", "fail": "red", "error": "magenta", "unsure": "yellow"}


def show_cases(console: Console, cases: Sequence[Mapping[str, Any]]) -> None:
    table = Table("", "Scenario", "Persona", "Line", "Repeat", "Reason", box=None, pad_edge=False)
    for case in cases:
        outcome = outcome_of(case)
        colour = COLOURS.get(outcome, "dim")
        tried = f" (attempt {case['attempt']})" if case["attempt"] > 1 else ""
        table.add_row(
            f"[{colour}]{outcome}[/]",
            escape(case["scenario"]),
            escape(case["persona"]),
            escape(case["line"]),
            str(case["repeat"]),
            escape(case["reason"] + tried),
        )
    console.print(table)


def show_results(console: Console, run: Mapping[str, Any]) -> None:
    results = run["results"]
    rate = results["pass_rate"]
    if rate["n"]:
        console.print(
            f"\n{rate['passed']} of {rate['n']} passed: {rate['value']:.0%} "
            f"(95 % interval {rate['low']:.0%} to {rate['high']:.0%})"
        )
    hats = [f"pass^{k} {value:.0%}" for k, value in results["pass_hat"].items() if k != "1"]
    if hats:
        console.print(", ".join(hats))
    if results["figures"]:
        table = Table("Figure", "p50", "p95", "max", "n", box=None, pad_edge=False)
        for each in results["figures"]:
            values = [f"{each[name]:.2f} {each['unit']}".strip() for name in ("p50", "p95", "max")]
            table.add_row(escape(each["label"]), *values, str(each["n"]))
        console.print(table)


def show_comparison(console: Console, told: Mapping[str, Any]) -> None:
    gate = told["gate"]
    console.print(
        f"\nAgainst the older run: {gate['difference']:+.0%} (95 % interval {gate['low']:+.0%} to {gate['high']:+.0%}, "
        f"p = {gate['p']:.3f}, {told['cases']['n']} cases in both)"
    )
    for change, colour in (("regressed", "red"), ("fixed", "green"), ("missing", "dim")):
        for pair in told[change]:
            where = ", ".join(
                filter(None, (pair["scenario"], pair["persona"], pair["line"], f"repeat {pair['repeat']}"))
            )
            reason = (pair["new"] or {}).get("reason", "") if change == "regressed" else ""
            console.print(f"[{colour}]{change:<10}[/] {escape(where)}  {escape(reason)}")
    for each in told["criteria"]:
        if each["verdict"] in ("worse", "better"):
            console.print(f"{each['verdict']}: {escape(each['name'])} (p = {each['adjusted_p']:.3f})")
    if lone := [f"{name} (older run)" for name in told["only_old"]] + [
        f"{name} (this run)" for name in told["only_new"]
    ]:
        console.print(f"Not compared, because they decide in one of the runs only: {', '.join(lone)}.", markup=False)
    for each in told["reply_times"]:
        console.print(
            f"Reply time p{each['percentile']:g}: {each['old']:.2f} s → {each['new']:.2f} s "
            f"({each['low']:+.2f} to {each['high']:+.2f} s), {each['verdict']}"
        )
