"""Reads `do`: the actions of a step. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from agents.script.arithmetic import parse_formula
from agents.script.language import (
    Do,
    DoCompute,
    DoGoto,
    DoHangUp,
    DoInterrupt,
    DoLookUp,
    DoPress,
    DoSay,
    DoSet,
    DoStaySilent,
)
from agents.script.reading import Reader, Scalar, did_you_mean
from agents.script.templates import Template, parse_template

MAX_ACTIONS = 20
MAX_ROWS = 500
DIGITS = frozenset("0123456789*#ABCDabcdw")

Table = Mapping[str, Scalar]


def read_table(read: Reader, value: object, path: str) -> Table:
    rows = read.mapping(value, path, '{"cheeseburger": 5.5}') or {}
    if len(rows) > MAX_ROWS:
        read.wrong(path, f"write at most {MAX_ROWS} entries")
        return {}
    found = {key: read.scalar(row, f"{path}.{key[:40]}") for key, row in rows.items()}
    return {key: row for key, row in found.items() if row is not None}


@dataclass(frozen=True)
class ActionReader:
    read: Reader
    tables: Mapping[str, Table]

    def actions(self, value: object, path: str) -> tuple[Do, ...]:
        if isinstance(value, dict):
            value = [value]
        entries = self.read.items(value, path, MAX_ACTIONS) or []
        actions = [do for n, entry in enumerate(entries) if (do := self._action(entry, f"{path}[{n}]"))]
        for n, do in enumerate(actions[:-1]):
            if isinstance(do, DoGoto | DoHangUp):
                self.read.wrong(f"{path}[{n}]", "goto and hang_up come last: what follows would never happen")
        return tuple(actions)

    def _action(self, value: object, path: str) -> Do | None:
        readers: dict[str, Callable[[object, str], Do | None]] = {
            "say": self._say,
            "press": self._press,
            "stay_silent": lambda flag, at: DoStaySilent() if self.read.only_true(flag, at) else None,
            "hang_up": self._hang_up,
            "set": self._set,
            "look_up": self._look_up,
            "compute": self._compute,
            "goto": lambda target, at: DoGoto(text) if (text := self.read.text(target, at, 60)) else None,
        }
        action = self.read.mapping(value, path, '{"say": "Hello."}')
        if action is None:
            return None
        if "interrupt" in action:
            return self._interrupt(action, path)
        if len(action) != 1:
            self.read.wrong(path, f"write one action an entry; here are {', '.join(sorted(action))[:100]}")
            return None
        ((kind, what),) = action.items()
        if kind not in readers:
            self.read.wrong(f"{path}.{kind[:40]}", f"unknown action; {did_you_mean(kind, [*readers, 'interrupt'])}")
            return None
        return readers[kind](what, f"{path}.{kind}")

    def _say(self, value: object, path: str) -> Do | None:
        texts = self.read.items(value, path, 20) or [] if isinstance(value, list) else [value]
        read = [self.read.template(text, path) for text in texts]
        return DoSay(tuple(text for text in read if text)) if read and all(read) else None

    def _press(self, value: object, path: str) -> Do | None:
        template = self.read.template(value, path)
        if template and "{" not in template.text and (len(template.text) > 64 or set(template.text) - DIGITS):
            self.read.wrong(path, "write up to 64 of 0-9 * # A-D and w (wait half a second)")
        return DoPress(template) if template else None

    def _interrupt(self, action: dict[str, object], path: str) -> Do | None:
        self.read.known_keys(action, path, ("interrupt", "after_ms"))
        text = self.read.template(action["interrupt"], f"{path}.interrupt")
        after_ms = self.read.number(action.get("after_ms", 0), f"{path}.after_ms", 0, 60_000)
        return DoInterrupt(text, int(after_ms)) if text and after_ms is not None else None

    def _hang_up(self, value: object, path: str) -> Do | None:
        if value is True:
            return DoHangUp("")
        reason = self.read.text(value, path, 200)
        return DoHangUp(reason) if reason else None

    def _set(self, value: object, path: str) -> Do | None:
        values = self.read.mapping(value, path, '{"set": {"drink": "cola"}}') or {}
        read: dict[str, Template | int | float | bool] = {}
        for key, entry in values.items():
            name, scalar = self.read.name(key, f"{path}.{key[:40]}"), self.read.scalar(entry, f"{path}.{key[:40]}")
            if isinstance(scalar, str):
                template = self.read.tried(partial(parse_template, scalar), f"{path}.{key}")
                if name and template:
                    read[name] = template
            elif name and scalar is not None:
                read[name] = scalar
        return DoSet(read)

    def _look_up(self, value: object, path: str) -> Do | None:
        what = self.read.mapping(value, path, '{"in": "prices", "key": "{item}", "as": "price"}')
        if what is None:
            return None
        self.read.known_keys(what, path, ("in", "key", "as", "otherwise"))
        key, name = self.read.template(what.get("key"), f"{path}.key"), self.read.name(what.get("as"), f"{path}.as")
        otherwise = self.read.scalar(what["otherwise"], f"{path}.otherwise") if "otherwise" in what else None
        table = self._table_named(what.get("in"), f"{path}.in")
        return DoLookUp(table, key, name, otherwise) if key and name else None

    def _table_named(self, value: object, path: str) -> Table:
        if not isinstance(value, str):
            return read_table(self.read, value, path)
        if value not in self.tables:
            self.read.wrong(path, f"no table {value[:40]!r}; {did_you_mean(value, self.tables)}")
        return self.tables.get(value, {})

    def _compute(self, value: object, path: str) -> Do | None:
        formulas = self.read.mapping(value, path, '{"total": "quantity * price"}') or {}
        read = {}
        for key, formula in formulas.items():
            name, text = self.read.name(key, f"{path}.{key[:40]}"), self.read.text(formula, f"{path}.{key[:40]}")
            tree = None if text is None else self.read.tried(partial(parse_formula, text), f"{path}.{key}")
            if name and tree:
                read[name] = tree
        return DoCompute(read)
