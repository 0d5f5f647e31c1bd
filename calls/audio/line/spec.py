"""A scenario's `line`, read and checked.

    {"preset": "street at 10 dB"}
    {"caller": [{"condition": "noise", "scene": "street", "snr_db": 10}], "agent": [], "seed": 7}

`caller` and `agent` are what happens to what each of them sends, in this order. `{}` is a good line. A preset may be
given a `seed` too; without one it is 0.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from calls.audio.line.presets import PRESETS
from calls.audio.line.registry import Condition, Filter, conditions
from calls.states import Side

MAX_CONDITIONS: Final = 10
MAX_SEED: Final = 2**32 - 1
Settings = Mapping[str, Any]


class LineError(ValueError):
    """`problems`: one sentence each, with the place in the JSON."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class LineSpec:
    """Checked. `caller`, `agent`: the settings of the conditions of what each sends."""

    caller: tuple[Settings, ...] = ()
    agent: tuple[Settings, ...] = ()
    seed: int = 0

    @property
    def is_good(self) -> bool:
        return not self.caller and not self.agent

    def as_json(self) -> dict[str, Any]:
        return {"caller": [*self.caller], "agent": [*self.agent], "seed": self.seed}

    def filters(self, side: Side) -> list[Filter]:
        """New filters of what `side` sends; the same seed gives the same samples."""
        settings = self.caller if side is Side.CALLER else self.agent
        at = list(Side).index(side)
        return [
            _condition(each).make(np.random.default_rng([self.seed, at, index])) for index, each in enumerate(settings)
        ]


GOOD_LINE: Final = LineSpec()


def parse_line(line: object) -> LineSpec:
    """Raises LineError, with all that is wrong."""
    if not isinstance(line, Mapping):
        raise LineError(['Line conditions must be a JSON object, for example {"preset": "bad mobile"}.'])
    seed = line.get("seed", 0)
    problems = _seed_problems(seed)
    if "preset" in line:
        problems += _unknown(line, {"preset", "seed"}, "beside a preset")
        line = _preset(line["preset"], problems)
    else:
        problems += _unknown(line, {"caller", "agent", "seed"}, "here")
    sides = {side: _settings(line.get(side, []), side, problems) for side in ("caller", "agent")}
    if problems:
        raise LineError(problems)
    return LineSpec(sides["caller"], sides["agent"], seed)


def _seed_problems(seed: object) -> list[str]:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        return [f"seed must be a whole number from 0 to {MAX_SEED}."]
    return []


def _unknown(line: Mapping[str, Any], known: set[str], where: str) -> list[str]:
    names = sorted(set(map(str, line)) - known)
    return [f"{name!r} is not known {where}. Known: {', '.join(sorted(known))}." for name in names]


def _preset(name: object, problems: list[str]) -> Mapping[str, Any]:
    if isinstance(name, str) and name in PRESETS:
        return PRESETS[name]
    problems.append(f"There is no preset {name!r}. Known: {', '.join(PRESETS)}.")
    return {}


def _settings(given: object, side: str, problems: list[str]) -> tuple[Settings, ...]:
    if not isinstance(given, list) or len(given) > MAX_CONDITIONS:
        problems.append(f"{side} must be a list of at most {MAX_CONDITIONS} conditions.")
        return ()
    for index, each in enumerate(given):
        problems += [f"{side}[{index}]: {problem}" for problem in _problems_of(each)]
    return tuple(given)


def _problems_of(settings: object) -> list[str]:
    if not isinstance(settings, Mapping):
        return ['write an object like {"condition": "delay", "ms": 150}.']
    known = conditions()
    name = settings.get("condition")
    if not isinstance(name, str) or name not in known:
        return [f"there is no condition {name!r}. Known: {', '.join(known)}."]
    parameters = known[name].parameters
    problems = _unknown(settings, {"condition", *parameters}, f"in {name}")
    problems += [f"{key} is missing." for key, field in parameters.items() if _is_missing(key, field, settings)]
    for key in parameters.keys() & settings.keys():
        if fault := parameters[key].metadata["check"](settings[key]):
            problems.append(f"{key} {fault}, not {settings[key]!r}.")
    return problems or _refusals(settings)


def _is_missing(key: str, field: Any, settings: Settings) -> bool:
    return field.default is dataclasses.MISSING and key not in settings


def _refusals(settings: Settings) -> list[str]:
    """What a condition itself says of values that do not go together."""
    try:
        _condition(settings)
    except ValueError as error:
        return [str(error)]
    return []


def _condition(settings: Settings) -> Condition:
    values = dict(settings)
    made: Condition = conditions()[values.pop("condition")].kind(**values)
    return made
