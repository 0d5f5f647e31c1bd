"""What each action does to the captures and says. Pure. A value that is missing is noted, never made up."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from agents.ports import Action, Note, PressDigits, Say
from agents.script.arithmetic import FormulaError, work_out
from agents.script.language import DoCompute, DoLookUp, DoPress, DoSet, DoStaySilent
from agents.script.reading import Scalar
from agents.script.templates import Template, plain
from agents.script.words import bare, forms

Captures = dict[str, object]
DIGITS = frozenset("0123456789*#ABCDabcdw")
# How alike a name that was heard must be to one in a table: "chesburger" is a cheeseburger, "hamburger" is none.
ALIKE = 0.84


def known(captures: Mapping[str, object], name: str) -> bool:
    return captures.get(name) not in (None, "", False)


def holds(captures: Mapping[str, object], name: str, wanted: str | None) -> bool:
    return known(captures, name) and (wanted is None or bare(plain(captures[name])) == bare(wanted))


def say(text: Template, captures: Captures, *, interrupts: bool) -> list[Action]:
    rendered, missing = text.render(captures)
    actions: list[Action] = [Note("missing_capture", {"name": name}) for name in missing]
    return [*actions, Say(rendered, interrupts)] if rendered else actions


def press(do: DoPress, captures: Captures) -> list[Action]:
    rendered, missing = do.digits.render(captures)
    digits = rendered.replace(" ", "")[:64]
    if missing or not digits or set(digits) - DIGITS:
        return [Note("not_pressed", {"reason": "the text is no row of keys", "missing": list(missing)})]
    return [PressDigits(digits)]


def stay_silent(do: DoStaySilent, captures: Captures) -> list[Action]:
    return []


def set_values(do: DoSet, captures: Captures) -> list[Action]:
    actions: list[Action] = []
    values: dict[str, object] = {}
    for name, value in do.values.items():
        if isinstance(value, Template):
            values[name], missing = value.render(captures)
            actions += [Note("missing_capture", {"name": wanted}) for wanted in missing]
        else:
            values[name] = value
    captures |= values
    return [*actions, Note("captured", values)]


def look_up(do: DoLookUp, captures: Captures) -> list[Action]:
    key, _ = do.key.render(captures)
    value = find(do.table, key)
    if value is None:
        value = do.otherwise
    if value is None:
        captures.pop(do.name, None)
        return [Note("not_found", {"key": key, "as": do.name})]
    captures[do.name] = value
    return [Note("captured", {do.name: value})]


def find(table: Mapping[str, Scalar], key: str) -> Scalar | None:
    """The row whose name is `key`: as written, in the other number, in another spelling, or nearly alike."""
    rows = {form: value for name, value in table.items() for form in forms(name)}
    rows |= {form.replace(" ", ""): value for form, value in rows.items()}
    wanted = bare(key)
    for form in (*forms(key), wanted.replace(" ", "")):
        for name in (form, form.removesuffix("s"), form.removesuffix("es"), f"{form}s"):
            if name in rows:
                return rows[name]
    close = difflib.get_close_matches(wanted[:100], rows, n=1, cutoff=ALIKE)
    return rows[close[0]] if close else None


def compute(do: DoCompute, captures: Captures) -> list[Action]:
    actions: list[Action] = []
    for name, formula in do.formulas.items():
        try:
            captures[name] = work_out(formula, captures)
            actions.append(Note("captured", {name: captures[name]}))
        except FormulaError as problem:
            captures.pop(name, None)
            actions.append(Note("not_computed", {"name": name, "reason": str(problem)}))
    return actions


DO: dict[type, Callable[[Any, Captures], list[Action]]] = {
    DoPress: press,
    DoStaySilent: stay_silent,
    DoSet: set_values,
    DoLookUp: look_up,
    DoCompute: compute,
}
