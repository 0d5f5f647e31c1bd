"""From a JSON or YAML value to a `Script`, or a `ScriptError` that lists every problem with its path. Pure."""

from dataclasses import dataclass, field

from agents.script.actions import ActionReader, Table, read_table
from agents.script.conditions import read_conditions
from agents.script.language import DoGoto, Script, ScriptError, Step
from agents.script.reading import Reader, did_you_mean
from agents.script.templates import plain

MAX_STEPS = 200
SCRIPT_KEYS = ("steps", "tables", "variants", "description")
STEP_KEYS = ("id", "when", "do", "then", "anytime", "once", "has", "lacks")


def parse_script(data: object) -> Script:
    """Raises ScriptError; nothing else, whatever `data` is."""
    read = Reader()
    script = _Parser(read).script(data)
    if read.problems or script is None:
        raise ScriptError(tuple(read.problems))
    return script


@dataclass
class _Parser:
    read: Reader
    tables: dict[str, Table] = field(default_factory=dict)

    def script(self, data: object) -> Script | None:
        whole = self.read.mapping(data, "", '{"steps": [{"when": {"greeted": true}, "do": [{"say": "Hello."}]}]}')
        if whole is None:
            return None
        self.read.known_keys(whole, "", SCRIPT_KEYS)
        self.tables = self._tables(whole.get("tables", {}))
        variants = read_table(self.read, whole["variants"], "variants") if "variants" in whole else {}
        entries = self.read.items(whole.get("steps"), "steps", MAX_STEPS) or []
        steps = [step for n, entry in enumerate(entries) if (step := self._step(entry, n))]
        self._check_targets(steps)
        self._check_circles(steps)
        return Script(tuple(steps), {word: str(variant) for word, variant in variants.items()})

    def _tables(self, value: object) -> dict[str, Table]:
        if value == {}:
            return {}
        tables = self.read.mapping(value, "tables", '{"prices": {"cheeseburger": 5.5}}') or {}
        return {name: read_table(self.read, table, f"tables.{name}") for name, table in tables.items()}

    # --- Steps --------------------------------------------------------------------------------------------------------
    def _step(self, value: object, n: int) -> Step | None:
        path = f"steps[{n}]"
        step = self.read.mapping(value, path, '{"when": {"heard": "hello"}, "do": [{"say": "Hello."}]}')
        if step is None:
            return None
        self.read.known_keys(step, path, STEP_KEYS)
        return Step(
            id=(self.read.text(step["id"], f"{path}.id", 60) or "") if "id" in step else f"step-{n + 1}",
            # Without `when` a step happens only by `goto`.
            when=read_conditions(self.read, step["when"], f"{path}.when") if "when" in step else (),
            do=ActionReader(self.read, self.tables).actions(step.get("do"), f"{path}.do"),
            then=(self.read.text(step["then"], f"{path}.then", 60) or "") if "then" in step else "",
            anytime=self.read.flag(step.get("anytime", False), f"{path}.anytime"),
            once=self.read.flag(step.get("once", False), f"{path}.once"),
            has=self._has(step.get("has", []), f"{path}.has"),
            lacks=self._names(step.get("lacks", []), f"{path}.lacks"),
        )

    def _has(self, value: object, path: str) -> dict[str, str | None]:
        if not isinstance(value, dict):
            return dict.fromkeys(self._names(value, path))
        wanted = {
            key: self.read.scalar(entry, f"{path}.{key}") for key, entry in value.items() if self.read.name(key, path)
        }
        return {name: plain(entry) for name, entry in wanted.items() if entry is not None}

    def _names(self, value: object, path: str) -> tuple[str, ...]:
        if value == []:
            return ()
        names = [value] if isinstance(value, str) else self.read.items(value, path, 20) or []
        return tuple(found for n, name in enumerate(names) if (found := self.read.name(name, f"{path}[{n}]")))

    def _check_targets(self, steps: list[Step]) -> None:
        known: dict[str, int] = {}
        for n, step in enumerate(steps):
            if step.id in known:
                self.read.wrong(f"steps[{n}].id", f"{step.id!r} is taken by steps[{known[step.id]}]; ids are unique")
            known.setdefault(step.id, n)
        for n, step in enumerate(steps):
            targets = [("then", step.then)] if step.then else []
            targets += [(f"do[{m}].goto", do.step) for m, do in enumerate(step.do) if isinstance(do, DoGoto)]
            for place, target in targets:
                if target not in known:
                    self.read.wrong(f"steps[{n}].{place}", f"no step {target!r}; {did_you_mean(target, known)}")

    def _check_circles(self, steps: list[Step]) -> None:
        """A step that always leads back to itself by `goto`, without waiting, would never end."""
        follows = {step.id: do.step for step in steps for do in step.do if isinstance(do, DoGoto)}
        free = {step.id for step in steps if not (step.has or step.lacks or step.once)}
        for n, step in enumerate(steps):
            seen, at = {step.id}, follows.get(step.id)
            while at in free and at in follows and at not in seen:
                seen.add(at)
                at = follows[at]
            if at == step.id and at in free:
                self.read.wrong(f"steps[{n}].do", "goto leads back here without waiting; use `then` to wait for a step")
