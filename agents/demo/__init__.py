"""The demo: two agents, one persona, three scenarios, played without any key or network."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction

from agents.models import Agent, Persona, Scenario
from agents.services import create_agent

DATA = Path(__file__).parent

BURGER_BOT_PROMPT = """You are Burger Bot, and you answer the phone of a burger restaurant. Be friendly and brief.
Take one order: the burgers and how many, a side with its size, a drink. Ask for what is missing,
one question at a time.
Read the whole order back and ask whether it is right. When the caller corrects it, read it back again.
Then say the total, ask for a name, thank the caller by name, ask for anything else, and say goodbye.
Burgers: cheeseburger $5.50, hamburger $4.75, veggie burger $5.25, bacon burger $6.50.
Fries: small $2.00, medium $2.50, large $3.00. Onion rings: $2.50, $3.00, $3.50.
Drinks: cola $1.75, milkshake $2.25, water $1.00, coffee $1.50, iced tea $2.00."""
PIZZA_LINE_PROMPT = """You are the menu of Pizza Line. Callers press keys: margherita ($9.50) or pepperoni ($11.00),
how many, then confirm. Read every menu in full; understand no speech."""


@dataclass(frozen=True, slots=True)
class Demo:
    burger_bot: Agent
    pizza_line: Agent
    james: Persona
    scenarios: tuple[Scenario, ...]
    # What could not be made as it should, for a person to read.
    notes: list[str] = field(default_factory=list)


def demo_script(name: str) -> dict[str, Any]:
    """A script of the demo: burger_bot, pizza_line, james_answers, order_with_a_change, …"""
    script: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
    return script


@transaction.atomic
def load_demo() -> Demo:
    """Makes what is missing and leaves what is there, with its edits, as it is: may run at every start."""
    notes: list[str] = []
    burger_bot = _agent("burger_bot", "+15550100100", "Takes burger orders", BURGER_BOT_PROMPT, notes)
    pizza_line = _agent("pizza_line", "+15550100101", "A menu line: press 1 to order", PIZZA_LINE_PROMPT, notes)
    james = _james(notes)
    scenarios = tuple(_scenario(james, **scenario) for scenario in SCENARIOS)
    return Demo(burger_bot, pizza_line, james, scenarios, notes)


def _agent(name: str, number: str, description: str, prompt: str, notes: list[str]) -> Agent:
    if found := Agent.objects.filter(name=name).first():
        return found
    return create_agent(
        name,
        description=description,
        phone_number=_free_number(Agent, name, number, notes),
        prompt=prompt,
        brain="script",
        brain_options={"script": demo_script(name)},
        voice="hibari:heart",
        language="en",
    )


def _james(notes: list[str]) -> Persona:
    if found := Persona.objects.filter(name="James").first():
        return found
    return Persona.objects.create(
        name="James",
        description="In a hurry",
        phone_number=_free_number(Persona, "James", "+15550100200", notes),
        manner="In a hurry: short sentences, polite, changes his mind once, gives up after two silences.",
        brain="script",
        brain_options={"script": demo_script("james_answers")},
        voice="joe:joe",
        language="en",
    )


def _scenario(persona: Persona, name: str, script: str, **values: Any) -> Scenario:
    defaults = {"persona": persona, "script": demo_script(script), **values}
    return Scenario.objects.get_or_create(name=name, defaults=defaults)[0]


def _free_number(model: type[Agent | Persona], name: str, number: str, notes: list[str]) -> str:
    if model._default_manager.filter(phone_number=number).exists():
        notes.append(f"{name} has no phone number: {number} is taken. Give it another one on its page.")
        return ""
    return number


SCENARIOS: tuple[dict[str, Any], ...] = (
    {
        "name": "Burger order with a change",
        "script": "order_with_a_change",
        "goal": "Order two cheeseburgers, large fries and a coffee; change the coffee to a milkshake; give the name.",
        "facts": {"name": "James"},
        "outcome": "Two cheeseburgers, large fries, a milkshake, $16.25, for James.",
    },
    {
        "name": "Burger order with an interruption",
        "script": "order_with_an_interruption",
        "goal": "Order, then speak over the total to change the drink to a milkshake.",
        "facts": {"name": "James"},
        "outcome": "The agent stops speaking, takes the change and gives the new total, $16.25.",
    },
    {
        "name": "Pizza by keys",
        "script": "pizza_by_keys",
        "goal": "Order two pepperoni pizzas by pressing keys.",
        "facts": {},
        "outcome": "Two pepperoni, $22.00, confirmed.",
    },
)
