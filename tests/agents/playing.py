"""Scripts that are played without a call: what they do on what they hear, and what is wrong with them."""

from typing import Any

import pytest

from agents.ports import Action, DigitPressed, Stimulus
from agents.script import ScriptError, ScriptMachine, parse_script

Steps = list[dict[str, Any]]


def play(steps: Steps, *stimuli: Stimulus, **more: Any) -> list[Action]:
    machine = ScriptMachine(parse_script({"steps": steps, **more}))
    return [action for stimulus in stimuli for action in machine.on(stimulus)]


def problems(data: object) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        parse_script(data)
    return [str(problem) for problem in caught.value.problems]


def press(digits: str) -> list[Stimulus]:
    return [DigitPressed(digit) for digit in digits]
