"""The demo's agents and caller talk text to text, the way the transcript would hand it to them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from agents.demo import demo_script, load_demo
from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.ports import Answered, DigitPressed, FarSpeaking, HangUp, Heard, PressDigits, Say, Stimulus
from agents.providers.script import LISTENER
from agents.script import ScriptMachine, parse_script
from agents.services import create_agent

Hearing = Callable[[str], str]


def machine(name: str, facts: Mapping[str, object] | None = None) -> ScriptMachine:
    return ScriptMachine(parse_script(demo_script(name)), facts)


@dataclass
class Talk:
    """Two machines on one line. Each turn of one is heard by the other when it ends, unless that one speaks over it."""

    agent: ScriptMachine
    caller: ScriptMachine
    hearing: Hearing = str
    turns: list[tuple[str, str]] = field(default_factory=list)
    ended_by: str = ""

    def run(self, most: int = 40) -> "Talk":
        self._act("agent", [Answered()])
        self._act("caller", [Answered()])
        while self._queue and not self.ended_by and len(self.turns) < most:
            side, stimuli = self._queue.pop(0)
            self._act(side, stimuli)
        return self

    _queue: list[tuple[str, list[Stimulus]]] = field(default_factory=list)

    def _act(self, side: str, stimuli: list[Stimulus]) -> None:
        other = "caller" if side == "agent" else "agent"
        said: list[str] = []
        for action in [action for stimulus in stimuli for action in getattr(self, side).on(stimulus)]:
            if isinstance(action, Say):
                said.append(action.text)
            if isinstance(action, PressDigits):
                self._queue.append((other, [DigitPressed(digit) for digit in action.digits]))
            if isinstance(action, HangUp):
                self.ended_by = side
        if said:
            self._speak(side, other, " ".join(said))

    def _speak(self, side: str, other: str, text: str) -> None:
        self.turns.append((side, text))
        wanted = getattr(self, other).attention.speaking_ms
        # Each word takes 300 ms.
        if wanted is not None and wanted < 300 * len(text.split()):
            heard = " ".join(text.split()[: wanted // 300])
            self.turns[-1] = (side, heard)
            getattr(self, side).was_cut(heard)
            self._act(other, [FarSpeaking(wanted)])
        else:
            self._queue.append((other, [Heard(self.hearing(text))]))

    def said(self, side: str) -> str:
        return "\n".join(text for who, text in self.turns if who == side)


def bare(text: str) -> str:
    return re.sub(r"[^\w ]", "", text.lower())


def in_digits(text: str) -> str:
    return text.replace("two", "2").replace("Two", "2")


def split_words(text: str) -> str:
    return text.replace("cheeseburgers", "cheese burgers").replace("milkshake", "milk shake")


def to_for_two(text: str) -> str:
    return split_words(bare(text)).replace("two", "to")


HEARINGS = (str, bare, in_digits, split_words, to_for_two, str.upper)


@pytest.mark.parametrize("hearing", HEARINGS)
def test_the_order_with_a_change_ends_with_the_right_total(hearing: Hearing) -> None:
    talk = Talk(machine("burger_bot"), machine("order_with_a_change", {"name": "James"}), hearing).run()
    assert talk.ended_by == "caller", talk.turns
    assert "sixteen dollars and twenty five cents" in talk.said("agent")
    assert "Thank you, James" in talk.said("agent")
    assert "did not catch" not in talk.said("agent")
    assert len(talk.turns) >= 8
    assert talk.agent.captures["total"] == 16.25


@pytest.mark.parametrize("hearing", HEARINGS)
def test_an_interruption_of_the_total_changes_the_order(hearing: Hearing) -> None:
    talk = Talk(machine("burger_bot"), machine("order_with_an_interruption", {"name": "James"}), hearing).run()
    assert talk.ended_by == "caller", talk.turns
    assert ("agent", "Your total is fifteen") in talk.turns
    assert "sixteen dollars and twenty five cents" in talk.said("agent")


@pytest.mark.parametrize("hearing", HEARINGS)
def test_james_orders_when_he_is_called(hearing: Hearing) -> None:
    talk = Talk(machine("burger_bot"), machine("james_answers"), hearing).run()
    assert talk.ended_by, talk.turns
    assert talk.agent.captures["total"] == 15.5


@pytest.mark.parametrize("hearing", HEARINGS)
def test_a_pizza_is_ordered_by_keys(hearing: Hearing) -> None:
    talk = Talk(machine("pizza_line"), machine("pizza_by_keys"), hearing).run()
    assert talk.ended_by == "agent", talk.turns
    assert "twenty two dollars" in talk.said("agent")


def test_burger_bot_asks_for_what_is_missing() -> None:
    bot = machine("burger_bot")
    bot.on(Answered())
    answers = {
        "Large fries please.": "Which burger",
        "A bacon burger.": "to drink",
        "No.": "a bacon burger, large fries, and no drink",
        "No, that is wrong.": "What should I change",
        "Medium onion rings.": "medium onion rings",
    }
    for heard, wanted in answers.items():
        said = " ".join(action.text for action in bot.on(Heard(heard)) if isinstance(action, Say))
        assert wanted.lower() in said.lower().replace("one bacon", "a bacon"), (heard, said)


def test_burger_bot_takes_an_order_without_a_side() -> None:
    bot = machine("burger_bot")
    for heard in ("a cheeseburger", "no thanks", "water", "yes"):
        bot.on(Heard(heard))
    assert bot.captures["total"] == 6.5


def test_burger_bot_asks_again_when_it_understands_nothing() -> None:
    bot = machine("burger_bot")
    bot.on(Answered())
    (action,) = bot.on(Heard("Mumble mumble."))
    assert action == Say("Sorry, I did not catch that. What can I get you?")


@pytest.mark.django_db
def test_the_demo_is_loaded_once_and_edits_stay() -> None:
    first = load_demo()
    Persona.objects.filter(name="James").update(manner="calm")
    again = load_demo()
    assert again == first
    assert again.james.manner == "calm"
    assert [model._default_manager.count() for model in (Agent, AgentVersion, Persona, Scenario)] == [2, 2, 1, 3]


@pytest.mark.django_db
def test_a_taken_number_is_said_and_stops_nothing() -> None:
    create_agent("mine", phone_number="+15550100100")
    demo = load_demo()
    assert demo.burger_bot.phone_number == ""
    assert "+15550100100 is taken" in demo.notes[0]


def test_a_hello_is_answered_with_the_greeting() -> None:
    bot = machine("burger_bot")
    assert bot.on(Heard("Hello?"))[-1] == Say("Thank you for calling Burger Bot. What can I get you?")


def test_james_does_not_talk_to_an_echo_for_ever() -> None:
    talk = Talk(ScriptMachine(parse_script(LISTENER), {"agent_name": "Echo"}), machine("james_answers"), str).run()
    assert talk.ended_by == "caller", talk.turns
    assert len(talk.turns) < 30
