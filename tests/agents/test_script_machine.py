"""How a script is played, by the machine and by the brain around it."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.errors import Misconfigured
from agents.ports import (
    Answered,
    Attention,
    DigitPressed,
    FarSpeaking,
    HangUp,
    Heard,
    Note,
    PressDigits,
    Say,
    Silence,
    Stimulus,
)
from agents.providers.registry import BrainSetup, make_brain
from agents.script import ScriptMachine, parse_script
from tests.agents.playing import Steps, play, press

stimuli = st.one_of(
    st.just(Answered()),
    st.builds(Heard, st.text(max_size=40) | st.sampled_from(["a", "b", "two", "hello a b"])),
    st.builds(FarSpeaking, st.integers(0, 70_000)),
    st.builds(Silence, st.integers(0, 700_000)),
    st.builds(DigitPressed, st.sampled_from(list("0123456789*#ABCD"))),
)
one_action = st.sampled_from(
    [
        {"say": "Hi {x} {n|money}"},
        {"press": "{n}"},
        {"stay_silent": True},
        {"interrupt": "Wait {x}", "after_ms": 300},
        {"set": {"x": "{heard}", "k": True}},
        {"look_up": {"in": {"a": 1, "two": 2}, "key": "{x}", "as": "n"}},
        {"compute": {"n": "x * 2 / n", "m": "n + 1"}},
    ]
)
last_action = st.sampled_from([[], [{"goto": "s0"}], [{"goto": "s1"}], [{"hang_up": "done"}]])
one_condition = st.sampled_from(
    [
        {"answered": True},
        {"greeted": True},
        {"heard": "(?P<x>a|b|two)"},
        {"heard": ".*"},
        {"silence_s": 2},
        {"dtmf": "(?P<n>[0-9]+)#"},
        {"speaking_ms": 300},
    ]
)


@st.composite
def valid_scripts(draw: st.DrawFn) -> dict[str, Any]:
    steps = []
    for n in range(draw(st.integers(2, 5))):
        step = {
            "id": f"s{n}",
            "when": draw(st.lists(one_condition, min_size=1, max_size=3)),
            "do": [*draw(st.lists(one_action, min_size=1, max_size=4)), *draw(last_action)],
            "anytime": draw(st.booleans()),
            "lacks": ["k"] if n % 2 else ["m"],
        }
        steps.append(step)
    return {"steps": steps}


@settings(max_examples=200, deadline=None)
@given(valid_scripts(), st.lists(stimuli, max_size=12))
def test_no_stimulus_breaks_the_machine(data: dict[str, Any], sequence: list[Stimulus]) -> None:
    machine = ScriptMachine(parse_script(json.loads(json.dumps(data))))
    for stimulus in sequence:
        actions = machine.on(stimulus)
        assert all(isinstance(action, Say | PressDigits | HangUp | Note) for action in actions)
        assert all(action.text for action in actions if isinstance(action, Say))
        assert not machine.finished or machine.attention == Attention()
        machine.was_cut("a")


# --- Playing ----------------------------------------------------------------------------------------------------------
def test_steps_are_awaited_in_order() -> None:
    steps: Steps = [
        {"when": {"greeted": True}, "do": [{"say": "One."}]},
        {"when": {"heard": "go"}, "do": [{"say": "Two."}]},
    ]
    assert play(steps, Answered(), Heard("go"), Heard("wait"), Heard("go on"), Heard("go")) == [
        Say("One."),
        Say("Two."),
    ]


def test_the_awaited_step_comes_before_anytime_and_a_fallback_last() -> None:
    steps: Steps = [
        {"when": {"heard": ".*"}, "anytime": True, "do": [{"say": "What?"}]},
        {"when": {"heard": "help"}, "anytime": True, "do": [{"say": "Helping."}]},
        {"when": {"heard": "help me"}, "do": [{"say": "Awaited."}]},
    ]
    heard = [Heard("help me"), Heard("help me"), Heard("x")]
    assert play(steps, *heard) == [Say("Awaited."), Say("Helping."), Say("What?")]


def test_captures_keep_the_spelling_of_the_transcript() -> None:
    steps: Steps = [{"when": {"heard": r"name is (?P<name>\w+)"}, "do": [{"say": "Hello {name}."}]}]
    assert play(steps, Heard("My NAME is Dana.")) == [Note("captured", {"name": "Dana"}), Say("Hello Dana.")]


def test_a_missing_capture_is_noted_and_a_default_is_used() -> None:
    steps: Steps = [{"when": {"answered": True}, "do": [{"say": "Hi {name}, {title or friend}."}]}]
    assert play(steps, Answered()) == [Note("missing_capture", {"name": "name"}), Say("Hi , friend.")]


def test_a_digit_sequence_and_a_pattern_of_digits_are_heard() -> None:
    steps: Steps = [
        {"when": {"dtmf": "*1#"}, "do": [{"say": "Star."}]},
        {"when": {"dtmf": r"(?P<pin>\d{4})#"}, "do": [{"say": "{pin|spell}"}]},
    ]
    assert play(steps, *press("9*1#"), *press("12#34#1234#")) == [
        Say("Star."),
        Note("captured", {"pin": "1234"}),
        Say("1 2 3 4"),
    ]


def test_the_machine_asks_to_be_told_of_what_its_steps_wait_for() -> None:
    machine = ScriptMachine(
        parse_script(
            {
                "steps": [
                    {"when": {"silence_s": 3}, "do": [{"say": "Hello?"}]},
                    {"when": {"speaking_ms": 900}, "do": [{"interrupt": "Stop.", "after_ms": 900}]},
                    {"when": {"silence_s": 9}, "anytime": True, "do": [{"hang_up": True}]},
                ]
            }
        )
    )
    assert machine.attention == Attention(3000, None)
    assert machine.on(Silence(2000)) == []
    assert machine.on(Silence(3000)) == [Say("Hello?")]
    assert machine.attention == Attention(9000, 900)
    assert machine.on(FarSpeaking(900)) == [Say("Stop.", interrupts=True)]
    assert machine.on(Silence(9000)) == [HangUp("")]
    assert (machine.finished, machine.attention, machine.on(Heard("hello"))) == (True, Attention(), [])


def test_an_interruption_waits_for_the_far_end_to_speak_so_long() -> None:
    steps: Steps = [
        {
            "when": {"heard": "ready"},
            "do": [{"say": "Yes."}, {"interrupt": "Wait!", "after_ms": 700}, {"set": {"x": 1}}],
        }
    ]
    machine = ScriptMachine(parse_script({"steps": steps}))
    assert machine.on(Heard("ready?")) == [Say("Yes.")]
    assert machine.attention.speaking_ms == 700
    assert machine.on(FarSpeaking(700)) == [Say("Wait!", interrupts=True), Note("captured", {"x": 1})]


def test_an_interruption_that_the_next_step_overtakes_is_noted() -> None:
    steps: Steps = [
        {"id": "a", "when": {"answered": True}, "do": [{"interrupt": "Wait!", "after_ms": 700}]},
        {"when": {"heard": "hi"}, "do": [{"say": "Hi."}]},
    ]
    assert play(steps, Answered(), Heard("hi")) == [Note("interruption_missed", {"step": "a"}), Say("Hi.")]


def test_a_goto_passes_over_steps_that_have_nothing_to_ask() -> None:
    steps: Steps = [
        {"when": {"heard": "(?P<drink>cola)?.*start"}, "do": [{"goto": "drink"}]},
        {"id": "drink", "lacks": ["drink"], "do": [{"say": "Which drink?"}]},
        {"id": "done", "do": [{"say": "Done."}]},
    ]
    assert play(steps, Heard("start")) == [Say("Which drink?")]
    assert play(steps, Heard("cola, start"))[-1] == Say("Done.")


def test_a_step_may_want_a_capture_to_have_a_value() -> None:
    steps: Steps = [
        {"when": {"answered": True}, "do": [{"set": {"menu": "main"}}]},
        {"anytime": True, "has": {"menu": "other"}, "when": {"dtmf": "1"}, "do": [{"say": "Other."}]},
        {"anytime": True, "has": {"menu": "main"}, "when": {"dtmf": "1"}, "do": [{"say": "Main."}]},
    ]
    assert play(steps, Answered(), *press("1"))[-1] == Say("Main.")


def test_texts_of_a_say_are_taken_in_turn() -> None:
    steps: Steps = [{"anytime": True, "when": {"heard": ".*"}, "do": [{"say": ["A", "B"]}]}]
    assert play(steps, *[Heard("x")] * 3) == [Say("A"), Say("B"), Say("A")]


def test_a_total_is_looked_up_and_computed() -> None:
    steps: Steps = [
        {
            "when": {"heard": r"(?P<quantity>\d+) (?P<item>\w+)"},
            "do": [
                {"look_up": {"in": "prices", "key": "{item}", "as": "price"}},
                {"compute": {"total": "quantity * price"}},
                {"say": "{total|money}, {total|dollars}"},
            ],
        }
    ]
    said = play(steps, Heard("Two cheeseburgers"), tables={"prices": {"cheeseburger": 5.5}})
    assert said[-1] == Say("$11.00, eleven dollars")
    failed = play(steps, Heard("Two shoes"), tables={"prices": {"cheeseburger": 5.5}})
    assert Note("not_found", {"key": "shoes", "as": "price"}) in failed
    assert Note("not_computed", {"name": "total", "reason": "price is not known yet"}) in failed


def test_three_turns_that_nothing_answers_leave_the_script() -> None:
    steps: Steps = [{"id": "wait", "when": {"heard": "magic"}, "do": [{"say": "Yes."}]}]
    note = Note("script_left", {"awaited": "wait", "turns": 3})
    assert play(steps, *[Heard("x")] * 5) == [note]
    assert play(steps, Heard("x"), Heard("x"), Heard("magic"), Heard("x")) == [Say("Yes.")]


def test_the_history_holds_what_was_heard_of_a_cut_reply() -> None:
    steps: Steps = [{"when": {"answered": True}, "do": [{"say": "A long sentence."}]}]
    machine = ScriptMachine(parse_script({"steps": steps}))
    machine.on(Answered())
    machine.was_cut("A long")
    assert [line.text for line in machine.history] == ["A long"]


# --- The brain --------------------------------------------------------------------------------------------------------
async def test_the_listener_repeats_and_ends_politely() -> None:
    brain = make_brain("script", BrainSetup("agent", facts={"agent_name": "Max"}, options={"script": "listener"}))
    heard: list[Stimulus] = [Answered(), Heard("I like tea."), Silence(8000), Heard("Good bye.")]
    said = [action async for stimulus in _each(heard) async for action in brain.respond(stimulus)]
    assert said == [
        Say("Hello, this is Max. I repeat what I hear."),
        Say("You said: I like tea."),
        Say("Are you still there?"),
        Say("Goodbye. Thanks for calling."),
        HangUp("goodbye"),
    ]


async def _each(stimuli: list[Stimulus]) -> Any:
    for stimulus in stimuli:
        yield stimulus


async def test_a_hang_up_that_a_cut_held_back_comes_next() -> None:
    script = {"steps": [{"when": {"heard": "bye"}, "do": [{"say": "Bye."}, {"say": "Bye."}, {"hang_up": "bye"}]}]}
    brain = make_brain("script", BrainSetup("agent", options={"script": script}))
    replies = brain.respond(Heard("bye"))
    assert await anext(replies) == Say("Bye.")
    await replies.aclose()  # type: ignore[attr-defined]
    brain.was_cut("By")
    assert [action async for action in brain.respond(Heard("wait"))] == [HangUp("bye")]


def test_a_brain_without_a_script_says_what_to_write() -> None:
    choices: tuple[dict[str, Any], ...] = ({}, {"script": "unknown"}, {"script": {"steps": []}})
    for options in choices:
        with pytest.raises(Misconfigured):
            make_brain("script", BrainSetup("agent", prompt="Sell burgers.", options=options))


GREETING: Steps = [
    {"when": {"answered": True}, "do": [{"say": "Hello, this is the shop."}]},
    {"when": {"heard": "burger"}, "anytime": True, "do": [{"say": "A burger."}]},
    {"when": {"heard": ".*"}, "anytime": True, "do": [{"say": "Sorry?"}]},
]


def test_the_hello_of_a_far_end_that_speaks_first_is_the_cue_to_greet() -> None:
    assert play(GREETING, Heard("Hello?")) == [Say("Hello, this is the shop.")]
    assert play(GREETING, Answered(), Heard("Hello?"))[1:] == [Say("Sorry?")]


def test_a_far_end_that_orders_at_once_is_answered_not_greeted() -> None:
    assert play(GREETING, Heard("A burger please."))[-1] == Say("A burger.")


def test_a_reply_of_which_nothing_was_heard_never_happened() -> None:
    steps: Steps = [
        {"when": {"heard": "(?P<count>two)"}, "do": [{"say": "How many?"}]},
        {"when": {"heard": "fries"}, "do": [{"say": "And fries."}, {"hang_up": "done"}]},
    ]
    machine = ScriptMachine(parse_script({"steps": steps}))
    machine.on(Heard("two burgers"))
    machine.was_cut("")
    assert (machine.captures, machine.history, machine.awaited) == ({}, [], machine.script.steps[0])
    assert machine.on(Heard("two burgers and fries"))[-1] == Say("How many?")
    machine.on(Heard("fries"))
    machine.was_cut("")
    assert not machine.finished
