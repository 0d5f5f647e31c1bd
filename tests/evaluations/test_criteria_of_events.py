import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from calls.states import Side
from evaluations.criteria.registry import FetchFailed, Judgement, Material, get_type
from evaluations.expressions import BadExpression, evaluate
from evaluations.fetching import Fetcher
from evaluations.jsonpath import NoSuchPlace, find
from evaluations.judging import Answer, Ballot, Cited, ScriptedJudge
from evaluations.record import CallRecord, EventRecord, TurnRecord

TURN = TurnRecord("t", 0, Side.AGENT, "Sorry, say it again. A table for four.", 0, 4000)
CALLED = EventRecord("tool_called", "agent", 1000, {"name": "find_table", "arguments": {"people": 4, "day": "friday"}})
BOOKED = EventRecord("tool_called", "agent", 2000, {"name": "book_table", "arguments": {"name": "Dana Smith"}})
PRESSED = EventRecord("DigitsPressed", "caller", 3000, {"digits": "12"})
PRESSED_ON = EventRecord("DigitsPressed", "caller", 3500, {"digits": "3#"})
CAPTURED = EventRecord("captured", "agent", 3000, {"phone": "five five five"})
RECORD = CallRecord(
    duration_ms=5000,
    turns=(TURN,),
    events=(CALLED, BOOKED, PRESSED, PRESSED_ON, CAPTURED),
    ending="agent-hung-up",
    facts={"name": "Dana Smith", "phone": "555"},
)


def apply(kind: str, config: dict[str, Any], record: CallRecord = RECORD, **more: Any) -> Judgement:
    found = get_type(kind)
    assert found is not None
    assert found.problems(config) == []
    return found.apply(config, Material(record, **more))


def outcome(kind: str, config: dict[str, Any], record: CallRecord = RECORD, **more: Any) -> str:
    return str(apply(kind, config, record, **more).outcome)


# --- tool, digits, ending, capture ------------------------------------------------------------------------------------
def test_a_tool_must_be_called_with_its_arguments() -> None:
    assert outcome("tool", {"tool": "find_table", "arguments": '{"people": 4}'}) == "pass"
    assert outcome("tool", {"tool": "find_table", "arguments": '{"people": "four"}'}) == "pass"
    wrong = apply("tool", {"tool": "find_table", "arguments": '{"people": 5}'})
    assert str(wrong.outcome) == "fail"
    assert "other arguments" in wrong.reason
    assert (wrong.evidence[0].turn, wrong.evidence[0].start_ms) == ("t", 1000)


def test_a_tool_that_must_never_be_called_fails_when_it_is() -> None:
    assert outcome("tool", {"tool": "book_table", "called": False}) == "fail"
    assert outcome("tool", {"tool": "delete_table", "called": False}) == "pass"
    assert outcome("tool", {"tool": "delete_table"}) == "fail"


def test_the_order_of_tools_counts() -> None:
    assert outcome("tool", {"tool": "book_table", "after": "find_table"}) == "pass"
    assert outcome("tool", {"tool": "find_table", "after": "book_table"}) == "fail"


def test_digits_count_across_presses_of_the_right_side() -> None:
    assert outcome("dtmf", {"digits": "123#", "by": "caller"}) == "pass"
    assert outcome("dtmf", {"digits": "123#", "by": "agent"}) == "fail"
    assert outcome("dtmf", {"digits": "9", "by": "caller", "pressed": False}) == "pass"


def test_the_ending_is_held_against_those_allowed() -> None:
    assert outcome("ending", {"endings": "agent-hung-up, caller-hung-up"}) == "pass"
    assert outcome("ending", {"endings": "caller-hung-up"}) == "fail"
    assert outcome("ending", {"endings": "agent-hung-up", "least_s": 6}) == "fail"
    assert outcome("ending", {"endings": "silence"}, CallRecord(duration_ms=10)) == "unsure"
    reason = apply("ending", {"endings": "caller-hung-up, silence", "least_s": 6}).reason
    assert reason.startswith("After 5.0 s: agent hung up. Expected: caller hung up or ended after a long silence, not")


def test_what_was_collected_is_compared_as_it_is_spoken() -> None:
    assert outcome("capture", {"names": "phone"}) == "pass"
    assert outcome("capture", {}) == "pass"
    assert outcome("capture", {"names": "name", "collected_by": "captures"}) == "fail"
    assert outcome("capture", {"names": "shoe size"}) == "not applicable"
    other = CallRecord(duration_ms=9000, facts={"phone": "556"}, events=(CAPTURED,))
    assert "“556”" in apply("capture", {}, other).reason


# --- state ------------------------------------------------------------------------------------------------------------
STATE = {"url": "https://orders.example.com/{name}", "path": "$.orders[0].status", "equals": "paid"}


def test_a_state_is_asked_with_the_callers_facts() -> None:
    asked = []

    def fetch(url: str, timeout_s: float) -> bytes:
        asked.append((url, timeout_s))
        return b'{"orders": [{"status": "paid"}]}'

    assert outcome("state", STATE, fetch=fetch) == "pass"
    assert asked == [("https://orders.example.com/Dana%20Smith", 5)]
    assert outcome("state", {**STATE, "equals": "open"}, fetch=fetch) == "fail"
    assert outcome("state", {**STATE, "path": "$.orders[1]"}, fetch=fetch) == "fail"


def test_a_state_that_cannot_be_known_is_an_error() -> None:
    def gone(url: str, timeout_s: float) -> bytes:
        raise FetchFailed("orders.example.com cannot be asked.")

    assert outcome("state", STATE, fetch=gone) == "error"
    assert outcome("state", STATE, fetch=lambda url, timeout_s: b"<html>") == "error"
    assert outcome("state", STATE) == "error"


@pytest.fixture
def server() -> Iterator[str]:
    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"path": self.path}).encode()
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    served = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    thread.join()
    served.server_close()


def test_addresses_inside_the_network_need_permission(server: str) -> None:
    with pytest.raises(FetchFailed, match="private network"):
        Fetcher(allow_private=False)(f"{server}/state", 2)
    assert json.loads(Fetcher(allow_private=True)(f"{server}/state?a=1", 2)) == {"path": "/state?a=1"}


def test_redirects_are_not_followed(server: str) -> None:
    with pytest.raises(FetchFailed, match="status 302"):
        Fetcher(allow_private=True)(f"{server}/moved", 2)


def test_a_json_path_names_one_place() -> None:
    document = {"orders": [{"total price": 5}, {"id": None}]}
    assert find(document, "$.orders[0]['total price']") == 5
    assert find(document, "$.orders[-1].id") is None
    assert find(document, "$") == document
    with pytest.raises(NoSuchPlace):
        find(document, "$.orders[2]")
    with pytest.raises(ValueError, match="Begin with"):
        find(document, "orders")
    with pytest.raises(ValueError, match="Cannot read"):
        find(document, "$..id")


# --- expression -------------------------------------------------------------------------------------------------------
def test_an_expression_sees_the_call() -> None:
    assert outcome("expression", {"expression": "duration_s < 10 and ending == 'agent-hung-up'"}) == "pass"
    assert outcome("expression", {"expression": "None if not turns else len(events) > 99"}) == "fail"
    found = apply("expression", {"expression": "[t for t in turns if 'sorry' in t.text.lower()]"})
    assert (str(found.outcome), found.evidence[0].turn) == ("fail", "t")
    assert outcome("expression", {"expression": "facts.shoe_size > 3"}) == "error"
    assert outcome("expression", {"expression": "len(turns)"}) == "error"


@pytest.mark.parametrize(
    "source",
    [
        "().__class__", "turns.__class__", "__import__('os')", "open('/etc/passwd')", "lambda: 1", "[x for x in",
        "2 ** 99999999", "'a' * 10**9", "[0] * 10**9", "(x := 1)", "f'{turns}'", "await x", "turns[0].text.format(1)",
        "'%s' % turns", "sum([1 for a in r for b in r for c in r])", "str.mro()", "getattr(turns, 'x')", "1e15 * 1e15",
        "{**facts}", "sorted(turns, key=len)", "not_there", "-" * 200 + "1", "9" * 5000, "1 / 0", "max(1)",
    ],
)  # fmt: skip
def test_nothing_gets_out_of_an_expression(source: str) -> None:
    with pytest.raises(BadExpression):
        evaluate(source, {"turns": [{"text": "x"}], "facts": {}, "r": list(range(100))})


# --- judges of scores and categories ----------------------------------------------------------------------------------
SCORE = {"question": "How clear?", "anchors": "1: not\n5: very", "pass_at": 4}
KINDS = {"question": "How did it end?", "categories": "booked: yes\nrefused: no", "pass_if": "booked"}


def votes(*choices: str) -> ScriptedJudge:
    return ScriptedJudge([Ballot(Answer.CHOSEN, f"It is {c}.", (Cited("t"),), "hash", choice=c) for c in choices])


def test_the_median_of_the_scores_decides() -> None:
    judged = apply("judge_score", SCORE, judge=votes("4", "5", "3"))
    assert str(judged.outcome) == "pass"
    assert "score 4 of 5; votes: 3, 4, 5" in judged.reason
    assert judged.evidence[0].turn == "t"
    assert outcome("judge_score", SCORE, judge=votes("3", "3", "5")) == "fail"
    assert outcome("judge_score", SCORE, judge=votes("1", "5", "5")) == "unsure"


def test_the_category_with_most_votes_decides() -> None:
    assert outcome("judge_category", KINDS, judge=votes("booked", "booked", "refused")) == "pass"
    assert outcome("judge_category", KINDS, judge=votes("refused", "booked", "refused")) == "fail"


def test_answers_to_another_question_do_not_count() -> None:
    yes = Ballot(Answer.YES, "Yes.", (Cited("t"),))
    assert outcome("judge_score", SCORE, judge=ScriptedJudge([yes] * 3)) == "error"
    assert outcome("judge_category", KINDS, judge=votes("maybe", "maybe", "booked")) == "error"
    none = Ballot(Answer.NOT_APPLICABLE, "No price came up.")
    assert outcome("judge_score", SCORE, judge=ScriptedJudge([none] * 3)) == "not applicable"
