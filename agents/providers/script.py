"""The script brain: plays a script by the rules of docs/scripts.md. No model, no network."""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace

from agents.errors import Misconfigured
from agents.ports import Action, Attention, Brain, Say, Stimulus
from agents.providers.registry import BrainSetup, Option, register_brain
from agents.script import Script, ScriptError, ScriptMachine, parse_script

# For trying out a line: {"script": "listener"}.
LISTENER = {
    "steps": [
        {
            "id": "greet by name",
            "when": {"answered": True},
            "has": "agent_name",
            "anytime": True,
            "once": True,
            "do": [{"say": "Hello, this is {agent_name}. I repeat what I hear."}],
        },
        {
            "id": "greet",
            "when": {"answered": True},
            "lacks": "agent_name",
            "anytime": True,
            "once": True,
            "do": [{"say": "Hello. I repeat what I hear."}],
        },
        {
            "id": "goodbye",
            "when": {"heard": r"\b(goodbye|bye)\b"},
            "anytime": True,
            "do": [{"say": "Goodbye. Thanks for calling."}, {"hang_up": "goodbye"}],
        },
        {"id": "repeat", "when": {"heard": ".*"}, "anytime": True, "do": [{"say": "You said: {heard}"}]},
        {
            "id": "still there",
            "when": {"silence_s": 8},
            "anytime": True,
            "once": True,
            "do": [{"say": "Are you still there?"}],
        },
        {
            "id": "nobody there",
            "when": {"silence_s": 8},
            "anytime": True,
            "do": [{"say": "I hear nothing, so I will hang up. Goodbye."}, {"hang_up": "silence"}],
        },
    ]
}


class ScriptBrain:
    """One side of one call, played by a `ScriptMachine`."""

    name = "script"

    def __init__(self, machine: ScriptMachine) -> None:
        self.machine = machine
        self._undone: deque[Action] = deque()

    async def respond(self, stimulus: Stimulus) -> AsyncIterator[Action]:
        self._undone.extend(self.machine.on(stimulus))
        spoke = False
        while self._undone:
            action = self._undone.popleft()
            if isinstance(action, Say) and spoke:
                action = replace(action, text=f" {action.text}")  # two lines are two sentences
            spoke = spoke or isinstance(action, Say)
            yield action

    def was_cut(self, heard: str) -> None:
        """What was not yet said stays unsaid; keys, notes and the hang-up that were to follow are done next."""
        undone = (action for action in self._undone if not isinstance(action, Say))
        self._undone = deque(undone if heard else ())
        self.machine.was_cut(heard)

    @property
    def attention(self) -> Attention:
        return self.machine.attention

    async def aclose(self) -> None:
        self._undone.clear()


def script_of(setup: BrainSetup) -> Script:
    """Raises Misconfigured; its message has one line a problem."""
    script = setup.options.get("script")
    if script == "listener":
        return parse_script(LISTENER)
    if not script:
        raise Misconfigured(
            'The script brain needs a script: {"script": {"steps": […]}}, or {"script": "listener"} '
            "for one that repeats what it hears.",
            provider="script",
        )
    try:
        return parse_script(script)
    except ScriptError as error:
        raise Misconfigured("\n".join(f"script: {problem}" for problem in error.problems), provider="script") from None


def check(setup: BrainSetup) -> None:
    script_of(setup)
    if unknown := sorted(set(setup.options) - {"script"}):
        raise Misconfigured(f'The script brain knows only the option "script", not {", ".join(unknown)}.')


@register_brain(
    "script",
    label="Script: steps with conditions and actions",
    check=check,
    options=(Option("script", 'the steps, or "listener" for one that repeats what it hears; see docs/scripts.md'),),
)
def script(setup: BrainSetup) -> Brain:
    return ScriptBrain(ScriptMachine(script_of(setup), setup.facts))
