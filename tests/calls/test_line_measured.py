"""What became of the packets of a call: told by the exchange of its conditions, and by the session of what came."""

import json

import numpy as np
import pytest

from agents.models import Scenario
from calls import services
from calls.audio.interarrival import Interarrival
from calls.audio.line.chain import Chain
from calls.audio.line.spec import parse_line
from calls.audio.mulaw import encode
from calls.line_meter import LineMeter
from calls.models import Call, CallEvent, Leg
from calls.states import Side, Status
from evaluations.metrics.line import LINE_MEASURED
from tests.calls.exchange import Telephone, db, scripted_agent, scripted_persona

FRAME = encode(np.zeros(160, np.int16))


def test_even_arrivals_have_no_jitter_and_alternating_ones_have_their_difference() -> None:
    even, uneven = Interarrival(), Interarrival()
    for index in range(2000):
        even.arrived(40.0)
        uneven.arrived(10.0 if index % 2 else 0.0)
    assert even.mean_ms == 0
    assert uneven.mean_ms == pytest.approx(10, abs=0.2)


def test_packets_that_never_came_are_counted_by_their_times() -> None:
    meter = LineMeter()
    for index in range(100):
        if index not in (10, 11, 50):
            meter.arrived(20 * index, 160, 0.02 * index)
    assert (meter.expected, meter.lost) == (100, 3)
    assert meter.jitter_ms == 0


def test_nothing_that_came_is_nothing_expected() -> None:
    assert (LineMeter().expected, LineMeter().lost, LineMeter().jitter_ms) == (0, 0, 0)


def test_a_line_tells_the_loss_that_it_was_asked_for() -> None:
    chain = Chain(parse_line({"preset": "bad mobile", "seed": 3}).filters(Side.AGENT))
    for _ in range(20_000):
        chain(FRAME, FRAME)
    told = json.loads(chain.told())
    assert told["expected"] == 20_000
    assert told["lost"] / told["expected"] == pytest.approx(0.03, abs=0.006)
    assert told["jitter_ms"] == 0


def test_a_line_tells_its_jitter() -> None:
    chain = Chain(parse_line({"caller": [{"condition": "jitter", "every_s": 2, "burst_ms": 200}]}).filters(Side.CALLER))
    for _ in range(5_000):
        chain(FRAME, FRAME)
    told = json.loads(chain.told())
    assert told["jitter_ms"] > 3
    assert told["lost"] > 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("energy")
async def test_a_call_on_a_bad_mobile_line_keeps_what_the_line_did_to_both_sides(phone: Telephone) -> None:
    version, persona = await db(scripted_agent), await db(scripted_persona)
    scenario = await db(lambda: Scenario.objects.create(name="On the road", line={"preset": "bad mobile", "seed": 7}))
    call = await phone.place(agent_version=version, persona=persona, scenario=scenario)
    await phone.streaming(2)
    await phone.run(12)
    await db(call.refresh_from_db)
    await db(services.hang_up, call)
    await phone.until(Call.objects.filter(concluded_at__isnull=False).exists)
    rows = await db(lambda: list(CallEvent.objects.filter(name=LINE_MEASURED).values_list("side", "data")))
    told = {side: data for side, data in rows if data.get("told_by") == "exchange"}
    assert set(told) == {"caller", "agent"}
    for data in told.values():
        assert data["expected"] > 500
        assert 0 < data["lost"] < 0.15 * data["expected"]
    # The session's own: nothing is lost between the exchange and us.
    own = [(side, data) for side, data in rows if "told_by" not in data]
    assert {side for side, _ in own} == {"caller", "agent"}
    assert all(data["lost"] == 0 and data["expected"] > 500 for _, data in own)


@pytest.mark.django_db
@pytest.mark.parametrize("told", ["", "{", "[]", "null", '{"expected": "many"}', '{"expected": 1, "lost": 0}'])
def test_figures_that_cannot_be_read_are_not_kept(told: str) -> None:
    services.line_measured(leg(), Side.AGENT, told)
    assert not CallEvent.objects.exists()


@pytest.mark.django_db
def test_figures_that_are_told_twice_are_kept_once() -> None:
    placed = leg()
    for _ in range(2):
        services.line_measured(placed, Side.AGENT, '{"expected": 100, "lost": 3, "jitter_ms": 1.5}')
    assert CallEvent.objects.get().data == {"expected": 100, "lost": 3, "jitter_ms": 1.5, "told_by": "exchange"}


def leg() -> Leg:
    version = scripted_agent()
    call = Call.objects.create(agent=version.agent, agent_version=version, direction="outbound", status=Status.RINGING)
    return Leg.objects.create(call=call, side=Side.CALLER, is_outbound=True)
