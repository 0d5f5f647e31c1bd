"""The sandbox's answering machine, and what is said of who answered."""

import numpy as np
import pytest

from agents.ports import Audio
from calls.audio import mulaw
from calls.telephony import twiml
from tests.calls.sandbox.application import AGENT, World, until, world

MACHINE = "+15550100904"


async def speak(text: str, voice: str, language: str) -> Audio:
    """Two seconds of something."""
    return Audio(np.full(16_000, 1000, np.int16), 8000)


async def told(telephone: World) -> dict[str, str]:
    """The detector's callback."""
    await until(lambda: telephone.application.asked("/amd"))
    (request,) = telephone.application.asked("/amd")
    return request.form


async def test_the_machine_is_told_when_its_tone_is_over() -> None:
    async with world(speak=speak) as telephone:
        telephone.application.streams_at("/caller", "/ws/caller")
        amd = telephone.application.at("/amd")
        call = await telephone.place(
            to=MACHINE, machine_detection="DetectMessageEnd", async_amd="true", async_amd_status_callback=amd
        )
        stream = await telephone.stream("/ws/caller")
        await telephone.play_out(2.3)
        assert telephone.application.asked("/amd") == []
        await telephone.play_out(0.5)
        form = await told(telephone)
        assert (form["CallSid"], form["AnsweredBy"]) == (call.sid, "machine_end_beep")
        assert int(form["MachineDetectionDuration"]) == pytest.approx(2500, abs=100)
        assert (await telephone.fetch(call.sid)).answered_by == "machine_end_beep"
        heard = np.abs(mulaw.decode(stream.audio).astype(np.int32))
        assert (heard > 900).sum() > 16_000


async def test_without_async_the_document_is_asked_for_with_the_answer() -> None:
    async with world(speak=speak) as telephone:
        telephone.application.answers("/caller", twiml.Hangup())
        call = await telephone.place(to=MACHINE, machine_detection="DetectMessageEnd")
        await until(lambda: telephone.exchange.live_legs == 2)
        await telephone.play_out(3)
        assert await telephone.ended(call.sid) == "completed"
        (request,) = telephone.application.asked("/caller")
        assert request.form["AnsweredBy"] == "machine_end_beep"


async def test_at_once_it_is_a_machine_that_began(telephone: World) -> None:
    telephone.application.answers("/caller", twiml.Hangup())
    call = await telephone.place(to=MACHINE, machine_detection="Enable")
    assert await telephone.ended(call.sid) == "completed"
    assert telephone.application.asked("/caller")[0].form["AnsweredBy"] == "machine_start"


async def test_of_an_application_nobody_knows_what_it_is(telephone: World) -> None:
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/voice", "/ws/agent")
    amd = telephone.application.at("/amd")
    await telephone.place(
        to=AGENT, machine_detection="DetectMessageEnd", async_amd="true", async_amd_status_callback=amd
    )
    assert (await told(telephone))["AnsweredBy"] == "unknown"


async def test_a_machine_that_is_left_before_its_tone_tells_nothing() -> None:
    async with world(speak=speak) as telephone:
        telephone.application.streams_at("/caller", "/ws/caller")
        call = await telephone.place(
            to=MACHINE,
            machine_detection="DetectMessageEnd",
            async_amd="true",
            async_amd_status_callback=telephone.application.at("/amd"),
        )
        await telephone.stream("/ws/caller")
        await telephone.update(call.sid, status="completed")
        assert await telephone.ended(call.sid) == "completed"
        await telephone.play_out(5)
        assert telephone.application.asked("/amd") == []


async def test_the_machine_hangs_up_after_the_longest_message(telephone: World) -> None:
    telephone.application.streams_at("/caller", "/ws/caller")
    call = await telephone.place(to=MACHINE)
    await telephone.stream("/ws/caller")
    await telephone.play_out(121)
    assert await telephone.ended(call.sid) == "completed"
