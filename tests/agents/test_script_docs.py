"""The examples of docs/scripts.md are scripts that play."""

import json
import re
from pathlib import Path

from agents.ports import Answered, DigitPressed, FarSpeaking, HangUp, Heard, Say
from agents.script import ScriptMachine, parse_script

DOCS = Path(__file__).parents[2] / "docs" / "scripts.md"


def example(n: int) -> ScriptMachine:
    blocks = re.findall(r"```json\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return ScriptMachine(parse_script(json.loads(blocks[n])))


def test_the_caller_of_the_documentation_orders_and_interrupts() -> None:
    caller = example(0)
    assert caller.on(Heard("Hello, Burger Bot.")) == [Say("Hi. Two cheeseburgers and large fries, please.")]
    caller.on(Heard("Anything to drink?"))
    caller.on(Heard("Is that right?"))
    assert caller.on(FarSpeaking(1200)) == [Say("Wait, make it a lemonade.", interrupts=True)]


def test_the_menu_of_the_documentation_takes_an_order_by_keys() -> None:
    menu = example(1)
    menu.on(Answered())
    said = [action for key in "22#" for action in menu.on(DigitPressed(key))]
    assert said[-2:] == [Say("That is twenty two dollars. Goodbye."), HangUp("order taken")]
