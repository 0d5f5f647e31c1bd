"""The call's page on its line."""

from django.test import Client

from calls.audio.line.presets import PRESETS
from evaluations.report.figures import Measured
from evaluations.report.line import LineFact, line_facts
from tests.factories import finished_call
from tests.people import operator

PARTS = {
    "caller_snr": 13.4,
    "caller_level": -24.4,
    "caller_noise": -37.8,
    "caller_clipping": 2.25,
    "agent_snr": 77.0,
    "agent_level": -23.0,
    "agent_noise": -100.0,
    "agent_clipping": 0.01,
}
LOST = {"lost": 4.862, "jitter": 1.73}


def test_each_sides_noise_and_the_packets_are_told() -> None:
    assert line_facts(Measured("line", 13.4, parts={**PARTS, **LOST}), "James") == [
        LineFact("James", "13 dB", "speech at -24 dBFS, noise at -38 dBFS, 2.2 % clipped"),
        LineFact("Agent", "77 dB", "speech at -23 dBFS, no noise"),
        LineFact("Packets lost", "4.9 %", "jitter 2 ms"),
    ]


def test_what_was_not_measured_is_not_told() -> None:
    assert (
        line_facts(None, "James") == line_facts(Measured("line", None, "The recording has one channel."), "James") == []
    )
    assert [fact.label for fact in line_facts(Measured("line", None, parts=LOST), "James")] == ["Packets lost"]


def test_the_page_of_a_call_has_them(client: Client, db: None) -> None:
    call = finished_call()
    call.evaluations.get().measurements.create(metric="line", metric_version=1, unit="dB", value=13.4, parts=PARTS)
    client.force_login(operator())
    page = client.get(call.get_absolute_url()).content.decode()
    assert 'id="call-line"' in page
    assert "noise at -38 dBFS" in page


def test_the_form_of_a_scenario_names_each_preset(client: Client, db: None) -> None:
    client.force_login(operator())
    page = client.get("/scenarios/new/").content.decode()
    assert all(name in page for name in PRESETS)
