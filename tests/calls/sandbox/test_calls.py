"""How calls begin, go on and end, seen by a scripted application."""

import asyncio
import io
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from agents.ports import Audio
from calls.audio import mulaw
from calls.sandbox.directory import Directory, Number
from calls.telephony import twiml
from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, World, serving, until, world

SILENT, BUSY, NO_ANSWER, FAILED = (f"+1555010090{n}" for n in range(4))
ALL_EVENTS = ["initiated", "ringing", "answered", "completed"]


async def reports(telephone: World, count: int, path: str = "/status") -> list[dict[str, str]]:
    """The first `count` status callbacks, in the order in which they came."""
    async with asyncio.timeout(10):
        while len(telephone.application.asked(path)) < count:
            # Lets retries become due.
            await telephone.play_out(0.5)
    return [request.form for request in telephone.application.asked(path)]


def tracked(telephone: World, **more: Any) -> dict[str, Any]:
    return {"status_callback": telephone.application.at("/status"), "status_callback_event": ALL_EVENTS, **more}


# --- Webhooks ---------------------------------------------------------------------------------------------------------
async def test_both_applications_are_asked_with_a_signature_that_twilios_validator_accepts(telephone: World) -> None:
    call, _, _ = await telephone.two_streams()
    (voice,), (caller,) = telephone.application.asked("/voice"), telephone.application.asked("/caller")
    for request in (voice, caller):
        given = request.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(request.url, request.form, given)
    common = {"AccountSid": SID, "From": KLIX, "To": AGENT, "Caller": KLIX, "Called": AGENT, "ApiVersion": "2010-04-01"}
    assert caller.form == {
        **common,
        "CallSid": call.sid,
        "CallStatus": "in-progress",
        "Direction": "outbound-api",
    }
    far = {"CallSid": voice.form["CallSid"], "ParentCallSid": call.sid, "CallStatus": "ringing", "Direction": "inbound"}
    assert voice.form == {**common, **far}


async def test_a_webhook_may_be_asked_by_get(telephone: World) -> None:
    telephone.application.answers("/caller", twiml.Hangup())
    call = await telephone.place(to=SILENT, url=telephone.application.at("/caller?a=1"), method="GET")
    await telephone.ended(call.sid)
    (request,) = telephone.application.asked("/caller")
    assert request.method == "GET"
    assert "a=1&" in request.url
    assert f"CallSid={call.sid}" in request.url
    assert RequestValidator(TOKEN).validate(request.url, {}, request.headers["X-Twilio-Signature"])


async def test_status_callbacks_come_in_order_and_numbered(telephone: World) -> None:
    call, _, _ = await telephone.two_streams(**tracked(telephone))
    await telephone.play_out(2)
    await telephone.update(call.sid, status="completed")
    forms = await reports(telephone, 4)
    assert [form["CallStatus"] for form in forms] == ["initiated", "ringing", "in-progress", "completed"]
    assert [form["SequenceNumber"] for form in forms] == ["0", "1", "2", "3"]
    assert {form["CallbackSource"] for form in forms} == {"call-progress-events"}
    assert forms[3]["CallDuration"] == "2"
    assert forms[0]["Timestamp"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    signed = telephone.application.asked("/status")[0]
    assert RequestValidator(TOKEN).validate(signed.url, signed.form, signed.headers["X-Twilio-Signature"])


async def test_without_a_choice_of_events_only_the_end_is_told(telephone: World) -> None:
    call, _, _ = await telephone.two_streams(status_callback=telephone.application.at("/status"))
    await telephone.update(call.sid, status="completed")
    (form,) = await reports(telephone, 1)
    assert (form["CallStatus"], form["SequenceNumber"]) == ("completed", "0")


async def test_a_status_callback_is_sent_again_while_the_application_is_down(telephone: World) -> None:
    telephone.application.statuses["/status"] = 503
    await telephone.two_streams(**tracked(telephone))
    await reports(telephone, 2)
    telephone.application.statuses["/status"] = 200
    forms = await reports(telephone, 5)
    numbers = [form["SequenceNumber"] for form in forms]
    assert numbers == sorted(numbers)
    assert numbers.count("0") > 1
    assert numbers[-1] == "2"


async def test_the_far_leg_reports_its_end_to_the_default_status_callback(telephone: World) -> None:
    call, _, _ = await telephone.two_streams()
    await telephone.update(call.sid, status="completed")
    (form,) = await reports(telephone, 1, "/far-status")
    assert (form["CallStatus"], form["ParentCallSid"]) == ("completed", call.sid)


# --- Endings ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("number", "status"), [(BUSY, "busy"), (FAILED, "failed")])
async def test_fixed_numbers_refuse(telephone: World, number: str, status: str) -> None:
    call = await telephone.place(to=number, **tracked(telephone))
    assert await telephone.ended(call.sid) == status
    assert [form["CallStatus"] for form in await reports(telephone, 2)] == ["initiated", status]
    assert telephone.application.asked("/caller") == []


async def test_a_number_that_nobody_answers_rings_until_the_timeout(telephone: World) -> None:
    call = await telephone.place(to=NO_ANSWER, timeout=5)
    record = telephone.exchange.call(call.sid)
    assert record is not None
    await until(lambda: record.status == "ringing")
    await telephone.play_out(4.9)
    assert record.status == "ringing"
    await telephone.play_out(0.2)
    assert record.status == "no-answer"
    assert (await telephone.fetch(call.sid)).duration == "0"


@pytest.mark.parametrize(("reason", "status"), [("busy", "busy"), ("rejected", "failed")])
async def test_a_voice_webhook_may_reject(telephone: World, reason: str, status: str) -> None:
    telephone.application.answers("/voice", twiml.Reject(reason))
    call = await telephone.place()
    assert await telephone.ended(call.sid) == status
    assert telephone.application.asked("/caller") == []
    assert telephone.exchange.live_legs == 0


async def test_a_pause_before_anything_else_lets_it_ring(telephone: World) -> None:
    telephone.application.answers("/voice", twiml.Pause(3), twiml.Reject("busy"))
    call = await telephone.place()
    await until(lambda: telephone.application.asked("/voice"))
    record = telephone.exchange.call(call.sid)
    assert record is not None
    await until(lambda: record.status == "ringing")
    async with asyncio.timeout(10):
        while not record.is_over:
            await telephone.play_out(1)
    assert record.status == "busy"


@pytest.mark.parametrize("end", ["/ws/caller", "/ws/agent"])
async def test_either_application_that_closes_its_stream_hangs_up_both(telephone: World, end: str) -> None:
    call, caller, agent = await telephone.two_streams()
    await telephone.application.streams[end].socket.close()
    assert await telephone.ended(call.sid) == "completed"
    await caller.closed.wait()
    await agent.closed.wait()
    other = agent if end == "/ws/caller" else caller
    assert other.messages[-1]["event"] == "stop"
    assert {record.status.value for record in telephone.exchange.calls()} == {"completed"}
    assert telephone.exchange.live_legs == 0


async def test_stop_names_the_call(telephone: World) -> None:
    call, caller, _ = await telephone.two_streams()
    await telephone.update(call.sid, status="completed")
    await caller.closed.wait()
    assert caller.messages[-1]["stop"] == {"accountSid": SID, "callSid": call.sid}


async def test_the_time_limit_ends_the_call(telephone: World) -> None:
    call, caller, _ = await telephone.two_streams(time_limit=10)
    await telephone.play_out(9.9)
    assert (await telephone.fetch(call.sid)).status == "in-progress"
    await telephone.play_out(0.2)
    ended = await telephone.fetch(call.sid)
    assert (ended.status, ended.duration) == ("completed", "10")
    await caller.closed.wait()


@pytest.mark.parametrize(
    ("path", "answer", "code"),
    [
        ("/voice", 500, "11200"),
        ("/caller", 404, "11200"),
        ("/voice", "<Response>", "12100"),
        ("/caller", "<Response><Gather/></Response>", "12200"),
    ],
)
async def test_an_application_that_answers_nonsense_fails_the_call(
    telephone: World, path: str, answer: int | str, code: str
) -> None:
    telephone.application.streams_at("/voice", "/ws/agent")
    if isinstance(answer, int):
        telephone.application.statuses[path] = answer
    else:
        telephone.application.documents[path] = answer
    call = await telephone.place(**tracked(telephone))
    assert await telephone.ended(call.sid) == "failed"
    async with asyncio.timeout(10):
        while not (
            failed := [r.form for r in telephone.application.asked("/status") if r.form["CallStatus"] == "failed"]
        ):
            await telephone.play_out(0.1)
    assert failed[0]["ErrorCode"] == code


async def test_an_application_that_is_down_fails_the_call(telephone: World) -> None:
    async with serving(web.Application()) as gone:
        pass
    call = await telephone.place(to=SILENT, url=gone + "/caller")
    assert await telephone.ended(call.sid) == "failed"
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert [problem.code for problem in record.problems] == [11205]


async def test_an_application_that_gives_no_answer_in_time_fails_the_call() -> None:
    async with world(webhook_timeout_s=0.05) as telephone:
        telephone.application.silent.add("/caller")
        call = await telephone.place(to=SILENT)
        assert await telephone.ended(call.sid) == "failed"
        record = telephone.exchange.call(call.sid)
        assert record is not None
        assert [problem.code for problem in record.problems] == [11205]


@pytest.mark.parametrize("asked", [{}, {"async_amd": "true"}])
async def test_machine_detection_says_that_it_does_not_know(telephone: World, asked: dict[str, str]) -> None:
    telephone.application.answers("/caller", twiml.Hangup())
    told = telephone.application.at("/amd")
    detection = {"machine_detection": "Enable", "async_amd_status_callback": told, **asked}
    call = await telephone.place(to=SILENT, **detection)
    await telephone.ended(call.sid)
    if asked:
        await until(lambda: telephone.application.asked("/amd"))
        form = telephone.application.asked("/amd")[0].form
    else:
        form = telephone.application.asked("/caller")[0].form
    assert (form["CallSid"], form["AnsweredBy"]) == (call.sid, "unknown")


async def test_a_fallback_url_is_asked_when_the_first_fails(telephone: World) -> None:
    telephone.application.statuses["/caller"] = 500
    telephone.application.answers("/fallback", twiml.Hangup())
    call = await telephone.place(to=SILENT, fallback_url=telephone.application.at("/fallback"))
    assert await telephone.ended(call.sid) == "completed"
    (request,) = telephone.application.asked("/fallback")
    assert request.form["ErrorCode"] == "11200"
    assert request.form["ErrorUrl"] == telephone.application.at("/caller")


async def test_a_stream_that_is_not_taken_lets_the_document_go_on(telephone: World) -> None:
    refused = twiml.ConnectStream(telephone.application.stream_url("/no-socket"))
    telephone.application.answers("/caller", refused, twiml.Redirect("/next"))
    telephone.application.answers("/next", twiml.Hangup())
    call = await telephone.place(to=SILENT)
    assert await telephone.ended(call.sid) == "completed"
    assert telephone.application.asked("/next")
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert [problem.code for problem in record.problems] == [31920]


async def test_a_stream_to_another_machine_is_refused(telephone: World) -> None:
    telephone.application.answers("/caller", twiml.ConnectStream("wss://example.com/ws"))
    call = await telephone.place(to=SILENT)
    await telephone.ended(call.sid)
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert "--allow-remote-applications" in record.problems[0].message


async def test_shutting_down_completes_live_calls() -> None:
    async with world() as telephone:
        call, caller, agent = await telephone.two_streams()
        await telephone.exchange.aclose()
        record = telephone.exchange.call(call.sid)
        assert record is not None
        assert record.status == "completed"
        await caller.closed.wait()
        await agent.closed.wait()
        assert caller.messages[-1]["event"] == agent.messages[-1]["event"] == "stop"


# --- TwiML ------------------------------------------------------------------------------------------------------------
async def test_the_document_goes_on_after_the_application_closed_its_stream(telephone: World) -> None:
    telephone.application.streams_at("/voice", "/ws/agent")
    telephone.application.streams_at("/caller", "/ws/caller", twiml.Redirect("/again"))
    telephone.application.streams_at("/again", "/ws/second")
    await telephone.place()
    first = await telephone.stream("/ws/caller")
    await first.socket.close()
    second = await telephone.stream("/ws/second")
    assert second.sid != first.sid


async def test_a_live_call_is_redirected_by_rest(telephone: World) -> None:
    call, caller, agent = await telephone.two_streams()
    telephone.application.streams_at("/operator", "/ws/operator")
    await telephone.update(call.sid, url=telephone.application.at("/operator"))
    await caller.closed.wait()
    operator = await telephone.stream("/ws/operator")
    await operator.play(b"\x05" * 160)
    await until(lambda: any(leg.playout.buffered_bytes for leg in telephone.exchange._legs.values()))
    await telephone.play_out(0.1)
    await until(lambda: b"\x05" * 160 in agent.audio)
    assert caller.messages[-1]["event"] == "stop"


async def test_a_live_call_is_redirected_to_given_twiml(telephone: World) -> None:
    call, _, agent = await telephone.two_streams()
    await telephone.update(call.sid, twiml="<Response><Play digits='5'/></Response>")
    async with asyncio.timeout(10):
        while not agent.closed.is_set():
            await telephone.play_out(0.1)
    assert agent.digits == "5"


async def test_send_digits_are_heard_by_the_far_end(telephone: World) -> None:
    telephone.application.streams_at("/voice", "/ws/agent")
    telephone.application.streams_at("/caller", "/ws/caller")
    await telephone.place(send_digits="w42#")
    agent = await telephone.stream("/ws/agent")
    await telephone.play_out(2)
    await until(lambda: agent.digits == "42#")
    await telephone.stream("/ws/caller")


async def test_a_wav_is_played_and_the_call_ends_after_it(telephone: World) -> None:
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(np.full(4000, 5000, "<i2").tobytes())
    telephone.application.contents["/hello.wav"] = sound.getvalue()
    telephone.application.answers("/caller", twiml.Play("/hello.wav"))
    telephone.application.streams_at("/voice", "/ws/agent")
    call = await telephone.place()
    agent = await telephone.stream("/ws/agent")
    record = telephone.exchange.call(call.sid)
    assert record is not None
    async with asyncio.timeout(10):
        while not record.is_over:
            await telephone.play_out(0.02)
    await agent.closed.wait()
    tone = mulaw.encode(np.full(1, 5000, np.int16))
    assert agent.audio.count(tone) == 4000


async def test_text_is_spoken_with_the_given_voice() -> None:
    asked: list[tuple[str, str, str]] = []

    async def speak(text: str, voice: str, language: str) -> Audio:
        asked.append((text, voice, language))
        return Audio(np.full(1600, 1000, np.int16), 16000)

    async with world(speak=speak) as telephone:
        telephone.application.answers("/caller", twiml.Say("Good day.", "hibari:heart", "en-US"))
        call = await telephone.place(to=SILENT)
        record = telephone.exchange.call(call.sid)
        assert record is not None
        async with asyncio.timeout(10):
            while not record.is_over:
                await telephone.play_out(0.02)
        assert record.status == "completed"
    assert asked == [("Good day.", "hibari:heart", "en-US")]


async def test_without_a_voice_saying_fails_with_a_reason(telephone: World) -> None:
    telephone.application.answers("/caller", twiml.Say("Good day."))
    call = await telephone.place(to=SILENT)
    assert await telephone.ended(call.sid) == "failed"
    record = telephone.exchange.call(call.sid)
    assert record is not None
    assert record.problems[0].code == 13520


async def test_a_stream_tells_its_status_callback_of_start_and_end(telephone: World) -> None:
    told = telephone.application.at("/stream-status")
    stream = twiml.ConnectStream(telephone.application.stream_url("/ws/caller"), status_callback=told)
    telephone.application.answers("/caller", stream)
    await telephone.place(to=SILENT)
    caller = await telephone.stream("/ws/caller")
    await caller.socket.close()
    await until(lambda: len(telephone.application.asked("/stream-status")) == 2)
    forms = [request.form for request in telephone.application.asked("/stream-status")]
    assert [form["StreamEvent"] for form in forms] == ["stream-started", "stream-stopped"]
    assert {form["StreamSid"] for form in forms} == {caller.sid}


# --- Dial -------------------------------------------------------------------------------------------------------------
@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "directory.json")


async def test_dialling_bridges_a_new_leg_and_gives_the_line_back(directory: Directory) -> None:
    async with world(directory) as telephone:
        application = telephone.application
        directory.save(Number("+15550100555", application.at("/third")))
        application.streams_at("/caller", "/ws/caller")
        application.answers("/voice", twiml.Dial("+15550100555", action="/after"))
        application.streams_at("/third", "/ws/third")
        application.streams_at("/after", "/ws/agent")
        await telephone.place()
        caller, third = await telephone.stream("/ws/caller"), await telephone.stream("/ws/third")
        await heard(telephone, third, caller, b"\x03")
        await heard(telephone, caller, third, b"\x04")
        await third.socket.close()
        agent = await telephone.stream("/ws/agent")
        await heard(telephone, agent, caller, b"\x05")
        (after,) = application.asked("/after")
        assert after.form["DialCallStatus"] == "completed"
        assert (application.asked("/third")[0].form["ParentCallSid"]) == after.form["CallSid"]


async def heard(telephone: World, speaker: Any, listener: Any, byte: bytes) -> None:
    """What the speaker plays arrives at the listener."""
    await speaker.play(byte * 160)
    await until(lambda: any(leg.playout.buffered_bytes for leg in telephone.exchange._legs.values()))
    await telephone.play_out(0.04)
    await until(lambda: byte * 160 in listener.audio)


@pytest.mark.parametrize(("number", "status"), [(BUSY, "busy"), (FAILED, "failed"), (NO_ANSWER, "no-answer")])
async def test_dialling_tells_why_nobody_was_reached(telephone: World, number: str, status: str) -> None:
    telephone.application.answers("/caller", twiml.Dial(number, action="/after", timeout_s=2))
    telephone.application.answers("/after", twiml.Hangup())
    call = await telephone.place(to=SILENT)
    await until(lambda: telephone.application.asked("/caller"))
    async with asyncio.timeout(10):
        while not telephone.application.asked("/after"):
            await telephone.play_out(0.5)
    assert telephone.application.asked("/after")[0].form["DialCallStatus"] == status
    assert await telephone.ended(call.sid) == "completed"


async def test_hanging_up_ends_the_dialled_leg_too(directory: Directory) -> None:
    async with world(directory) as telephone:
        directory.save(Number("+15550100555", telephone.application.at("/third")))
        telephone.application.answers("/caller", twiml.Dial("+15550100555"))
        telephone.application.streams_at("/third", "/ws/third")
        call = await telephone.place(to=SILENT)
        third = await telephone.stream("/ws/third")
        await telephone.update(call.sid, status="completed")
        await third.closed.wait()
        assert telephone.exchange.live_legs == 0
