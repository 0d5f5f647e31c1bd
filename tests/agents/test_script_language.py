"""The script language: what it accepts and what it says is wrong."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ports import (
    Heard,
    Say,
)
from agents.script import ScriptError, parse_script
from agents.script.arithmetic import FormulaError, parse_formula, work_out
from agents.script.doing import find
from agents.script.patterns import UnsafePattern, compile_pattern
from agents.script.templates import parse_template
from agents.script.words import forms, number
from tests.agents.playing import Steps, play, problems


# --- Words ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("heard", "wanted"),
    [
        ("Two cheeseburgers, please!", "2 cheeseburgers please"),
        ("twenty-one", "21"),
        ("two hundred and five", "200 and 5"),
        ("two hundred five", "205"),
        ("one two three", "1 2 3"),
        ("$16.25", "16.25"),
        ("sixteen dollars and five cents", "16.05"),
        ("1,200 dollars", "1200 dollars"),
        ("Okay. Yeah!", "ok yes"),
        ("I’d like that", "id like that"),
    ],
)
def test_a_turn_is_brought_into_one_form(heard: str, wanted: str) -> None:
    assert forms(heard)[0] == wanted


@pytest.mark.parametrize("heard", ["2 burgers", "Two burgers.", "two Burgers"])
@pytest.mark.parametrize("pattern", ["2 burgers", "two burgers"])
def test_a_pattern_may_say_numbers_either_way(pattern: str, heard: str) -> None:
    steps: Steps = [{"when": {"heard": pattern}, "do": [{"say": "Yes."}]}]
    assert play(steps, Heard(heard)) == [Say("Yes.")]


def test_number_words_are_numbers() -> None:
    assert [number(text) for text in ("two", "a", "$2.50", "twenty one", 3, "many", True)] == [
        2,
        1,
        2.5,
        21,
        3,
        None,
        None,
    ]


# --- Parsing ----------------------------------------------------------------------------------------------------------
def test_every_problem_is_listed_with_its_path() -> None:
    steps: Steps = [
        {"id": "a", "when": {"heard": "("}, "do": [{"say": "{"}]},
        {"id": "a", "when": [{"silence_s": 0}, {"herd": "x"}], "do": [{"goto": "nowhere"}]},
        {"wen": {"answered": True}, "when": {"answered": 1}, "do": [{"hang_up": True}, {"say": "Hi"}]},
        {"when": {"dtmf": ""}, "do": [{"compute": {"total": "__import__('os')"}}, {"look_up": {"in": "t"}}]},
    ]
    found = problems({"steps": steps, "stepz": 1})
    assert [problem.split(": ")[0] for problem in found] == [
        "stepz",
        "steps[0].when.heard",
        "steps[0].do[0].say",
        "steps[1].when[0].silence_s",
        "steps[1].when[1].herd",
        "steps[2].wen",
        "steps[2].when.answered",
        "steps[2].do[0]",
        "steps[3].when.dtmf",
        "steps[3].do[0].compute.total",
        "steps[3].do[1].look_up.key",
        "steps[3].do[1].look_up.as",
        "steps[3].do[1].look_up.in",
        "steps[1].id",
        "steps[1].do[0].goto",
    ]
    assert found[4].endswith("did you mean heard?")
    assert "not a regular expression" in found[1]


def test_a_circle_of_gotos_is_refused() -> None:
    steps: Steps = [{"id": "a", "do": [{"goto": "b"}]}, {"id": "b", "do": [{"goto": "a"}]}]
    assert "goto leads back here" in problems({"steps": steps})[0]


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(?:.*,)*x", ".*.*.*x", r"(\w+\s?)*$", "(a?){30}"])
def test_a_pattern_that_could_hang_a_call_is_refused(pattern: str) -> None:
    with pytest.raises(UnsafePattern, match="could take too long"):
        compile_pattern(pattern)


@pytest.mark.parametrize("pattern", [".*a.*b", r"\b\w+ing\b", "^(?!.{0,90}x).{0,90}y", r"(?:ab)*c", "colou?r"])
def test_a_pattern_that_is_accepted_is_quick_on_the_worst_text(pattern: str) -> None:
    compiled = compile_pattern(pattern)
    began = time.process_time()
    for text in ("a" * 600, "ab" * 300, "a b " * 150):
        compiled.search(text)
    assert time.process_time() - began < 2


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
conditions = st.dictionaries(
    st.sampled_from(["answered", "greeted", "heard", "silence_s", "dtmf", "speaking_ms"]),
    values | st.sampled_from([True, "a|b", ".*", "(?P<x>.+)", "1#", 2, 500, "(?P<n>[0-9]+)#"]),
    min_size=1,
    max_size=2,
)
do_actions = st.dictionaries(
    st.sampled_from(
        ["say", "press", "stay_silent", "interrupt", "after_ms", "hang_up", "set", "look_up", "compute", "goto"]
    ),
    values
    | st.sampled_from([True, "Hi {x}", "12#", 300, "a", "b", {"x": "{n}"}, {"n": "x * 2 / n"}])
    | st.just({"in": {"a": 1}, "key": "{x}", "as": "n"}),
    min_size=1,
    max_size=2,
)
steps_like = st.fixed_dictionaries(
    {"when": conditions | st.lists(conditions, max_size=3), "do": st.lists(do_actions, max_size=3)},
    optional={
        "id": st.sampled_from(["a", "b", "c"]),
        "then": st.sampled_from(["a", "b"]),
        "anytime": st.booleans(),
        "once": st.booleans(),
        "has": st.just(["x"]) | st.just({"x": 1}),
        "lacks": st.just("n"),
    },
)
scripts_like = st.fixed_dictionaries({"steps": st.lists(steps_like, min_size=1, max_size=5)})


@settings(max_examples=300, deadline=None)
@given(values | scripts_like | values.map(lambda value: {"steps": value, "tables": value, "variants": value}))
def test_any_json_is_a_script_or_a_script_error(data: object) -> None:
    try:
        script = parse_script(data)
    except ScriptError as error:
        found = [problem.message for problem in error.problems]
    else:
        found = [step.id for step in script.steps]
    assert found
    assert all(found)


FORBIDDEN = ("2 ** 9", "x.y", "f(x)", "[1]", "1 if x else 2", "(" * 150, "True", "'a' * 9", "round()")


@pytest.mark.parametrize("formula", FORBIDDEN)
def test_a_formula_is_arithmetic_only(formula: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(formula)


def test_a_formula_understands_number_words() -> None:
    tree = parse_formula("round(max(quantity, 1) * price, 1) - -1")
    assert work_out(tree, {"quantity": "two", "price": "$5.50"}) == 12
    for captures in ({}, {"quantity": "many", "price": 1}):
        with pytest.raises(FormulaError):
            work_out(tree, captures)
    with pytest.raises(FormulaError):
        work_out(parse_formula("1 / x"), {"x": 0})


def test_templates_have_forms() -> None:
    captures = {"total": 16.25, "name": "dana", "pin": "12", "n": 2.0, "list": ["a", "b"]}
    text = "{total|money} {total|dollars} {name|title} {pin|spell} {n} {n|words} {list}"
    wanted = "$16.25 sixteen dollars and twenty five cents Dana 1 2 2 two a, b"
    assert parse_template(text).render(captures) == (wanted, ())


def test_a_table_is_found_by_the_other_number_and_by_near_spelling() -> None:
    table = {"cheeseburger": 1, "fries": 2, "2 for 1": 3}
    keys = ("Cheese Burgers", "chesburger", "frie", "two for one", "hamburger")
    assert [find(table, key) for key in keys] == [1, 1, 2, 3, None]
