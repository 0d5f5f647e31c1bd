from itertools import pairwise

import pytest

from agents.vocabulary import MAX_CHARS, MAX_KEYWORDS, MAX_TOTAL_CHARS, keywords

PROMPT = """# Role and Objective
You are Lucia, the friendly receptionist of Bella Napoli in Boston. NEVER be rude. Always confirm the order.
Bella Napoli's owner is Marco di Stefano; write to lucia@example.org or see https://Example.org/Menu. I'm here.

MENU AND PRICES
- quattro formaggi: $12
- Calzone ($9)
- Stay calm
Toppings: ham, olives and burrata.
Tone: warm, brief, calm.
Say "Thank you" on Monday. Offer the "family box" with iPhone cases, A320 tickets and VIP seats. Ask {name}.
"""


def test_names_and_what_is_sold_are_found_in_the_order_of_the_prompt() -> None:
    assert keywords(PROMPT) == (
        "Lucia", "Bella Napoli", "Boston", "Marco di Stefano", "quattro formaggi", "Calzone", "ham", "olives",
        "burrata", "family box", "iPhone", "A320", "VIP",
    )  # fmt: skip


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Remind the customer of tomorrow at nine.",
        "You answer calls. Be brief.\nDO NOT guess. ALWAYS ask. Open 9am to 10pm, 7 days.",
        "# Opening Hours\n\nSteps:\n1. Greet\n2. Listen",
        "style: short, warm, clear",
    ],
)
def test_plain_instructions_give_no_keywords(prompt: str) -> None:
    assert keywords(prompt) == ()


@pytest.mark.parametrize(
    ("prompt", "found"),
    [
        ("Eres Lucía, de la clínica San Jorge en Sevilla.", ("Lucía", "San Jorge", "Sevilla")),
        ("Der Chef heißt Dr. Müller und ist aus Köln.", ("Chef", "Dr Müller", "Köln")),
        ("Call us at AT&T, not at Johnson & Johnson.", ("AT&T", "Johnson & Johnson")),
        ("We love Rome. The rome in it is plain.", ()),
    ],
)
def test_names_are_found_in_other_languages_and_with_marks(prompt: str, found: tuple[str, ...]) -> None:
    assert keywords(prompt) == found


def test_the_own_words_come_first_and_none_comes_twice() -> None:
    assert keywords("We sell Calzone.", "From Napoli.", own=[" Diavola ", "calzone", ""]) == (
        "Diavola", "calzone", "Napoli",
    )  # fmt: skip


def test_the_same_prompt_gives_the_same_words_and_never_too_many() -> None:
    many = "It knows " + ", ".join(f"Xy{'z' * (number % 7)}{number}" for number in range(500)) + "."
    found = keywords(many)
    assert found == keywords(many)
    assert 10 < len(found) <= MAX_KEYWORDS
    assert len(", ".join(found)) <= MAX_TOTAL_CHARS
    assert all(many.index(first) < many.index(second) for first, second in pairwise(found))
    assert keywords(own=["x" * (MAX_CHARS + 1)]) == ()
