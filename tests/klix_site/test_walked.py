"""No page without its walk in Chromium: a new address must be put among the pages, or said to be none."""

from collections.abc import Iterator

from django.urls import URLResolver, get_resolver, resolve

from tests.browser.test_accessibility import PAGES

NO_ID = "00000000-0000-0000-0000-000000000000"
# Answers that are no page: files, parts of a page, what is only posted to; and doors for those not signed in, which
# have a test of their own.
NO_PAGES = frozenset(
    [
        "admin_login",
        "agents:agent_voice",
        "agents:archive",
        "agents:duplicate",
        "agents:persona_archive",
        "agents:persona_duplicate",
        "agents:persona_voice",
        "agents:persona_yaml",
        "agents:scenario_archive",
        "agents:scenario_criteria",
        "agents:scenario_duplicate",
        "agents:scenario_yaml",
        "agents:voice_heard",
        "call_bundle",
        "call_report",
        "calls:label",
        "calls:hang_up",
        "calls:say",
        "calls:take_over",
        "calls:parts",
        "calls:recording",
        "calls:rescore",
        "check_models",
        "evaluations:criterion_archive",
        "evaluations:criterion_rescore",
        "evaluations:label",
        "evaluations:labels_csv",
        "evaluations:labels_upload",
        "export",
        "goto",
        "healthz",
        "login",
        "logout",
        "password_reset",
        "password_reset_complete",
        "password_reset_confirm",
        "password_reset_done",
        "place-call",
        "readyz",
        # The same forms as for new ones.
        "runs:suite_edit",
        "runs:schedule_edit",
        "runs:alert_edit",
        "runs:suite_archive",
        "runs:schedule_delete",
        "runs:alert_delete",
        "runs:baseline",
        "runs:csv",
        "runs:estimate",
        "runs:json",
        "runs:retry",
        "runs:stop",
        "token_revoke",
        "twilio:amd",
        "twilio:status",
        "twilio:voice",
        "twilio:voice-placed",
    ]
)


def names(resolver: URLResolver, space: str = "") -> Iterator[str]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from names(each, f"{space}{each.namespace}:" if each.namespace else space)
        elif each.name:
            yield space + each.name


def is_of_a_machine(name: str) -> bool:
    """The REST API has tests of its own, and Django's admin too."""
    return name.startswith("admin:") or (name.startswith("api-") and name != "api-reference")


def test_every_page_is_walked_in_chromium() -> None:
    there = {name for name in names(get_resolver()) if not is_of_a_machine(name)}
    ids = dict.fromkeys(
        ("call", "live", "scored", "agent", "persona", "scenario", "criterion", "run", "old", "new"), NO_ID
    )
    walked = {resolve(path.format(**ids).partition("?")[0]).view_name for path in PAGES.values()}
    assert there - walked == NO_PAGES, "Put the new page among PAGES, or its name among NO_PAGES."
