"""State: after the call, a system of yours says what it should."""

import json
from urllib.parse import quote as escaped
from urllib.parse import urlsplit

from evaluations.criteria.events import shortened
from evaluations.criteria.registry import (
    Config,
    CriterionType,
    FetchFailed,
    Judgement,
    Material,
    Problem,
    Setting,
    criterion_type,
    whole_call,
)
from evaluations.criteria.tool import same
from evaluations.jsonpath import NoSuchPlace, find, parse
from evaluations.outcomes import Outcome

MAX_WAIT_S = 30


@criterion_type
class StateCheck(CriterionType):
    name = "state"
    label = "State after the call"
    version = 1
    settings = (
        Setting(
            "url", "URL", "text", required=True, help="Asked with GET; answers with JSON. {name} is a fact's value."
        ),
        Setting("path", "JSONPath", "text", "$", required=True, help="For example $.orders[0].status."),
        Setting("equals", "Equals", "text", required=True, help="JSON, or a text. {name} is a fact's value."),
        Setting("timeout_s", "Timeout (s)", "number", 5),
    )
    example = {"url": "https://orders.example.com/last", "path": "$.status", "equals": "paid"}

    def more_problems(self, config: Config) -> list[Problem]:
        found = []
        if _web_address(config["url"]) is None:
            found.append(("url", "Must be a web address: https://example.com/state."))
        try:
            parse(config["path"])
        except ValueError as error:
            found.append(("path", f"{error}"))
        if not 0 < config["timeout_s"] <= MAX_WAIT_S:
            found.append(("timeout_s", f"Must be above 0 and at most {MAX_WAIT_S}."))
        return found

    def describe(self, config: Config) -> str:
        config = self.complete(config)
        host = _web_address(config["url"]) or "the system"
        return f"After the call, {config['path']} at {host} is {config['equals']}."

    def apply(self, config: Config, material: Material) -> Judgement:
        config, record = self.complete(config), material.record
        if material.fetch is None:
            return Judgement(Outcome.ERROR, "This evaluation may not reach the network.")
        facts = {str(name): str(value) for name, value in record.facts.items()}
        try:
            document = json.loads(material.fetch(_filled(config["url"], facts, quote=True), config["timeout_s"]))
            found = find(document, config["path"])
        except FetchFailed as error:
            return Judgement(Outcome.ERROR, f"The state is not known: {error}")
        except (ValueError, RecursionError):
            return Judgement(Outcome.ERROR, "The state is not known: the answer is not JSON.")
        except NoSuchPlace as error:
            return Judgement(Outcome.FAIL, str(error), whole_call(record))
        wanted = _value(_filled(config["equals"], facts))
        told = f"{config['path']} is {shortened(found)}"
        if same(found, wanted):
            return Judgement(Outcome.PASS, f"{told}, as expected.", whole_call(record))
        return Judgement(Outcome.FAIL, f"{told}; expected is {shortened(wanted)}.", whole_call(record))


def _web_address(url: str) -> str | None:
    """Its host; None for what is no address, or whose host a fact could change."""
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in ("http", "https") and host and "{" not in parts.netloc else None


def _filled(text: str, facts: dict[str, str], quote: bool = False) -> str:
    for name, value in facts.items():
        text = text.replace(f"{{{name}}}", escaped(value, safe="") if quote else value)
    return text.strip()


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
