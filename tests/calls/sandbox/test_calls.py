"""How calls begin, go on and end, seen by a scripted application."""

import asyncio

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from calls.telephony import twiml
from tests.calls.sandbox.application import (
    AGENT,
    BUSY,
    FAILED,
    KLIX,
    NO_ANSWER,
    SID,
    SILENT,
    TOKEN,
    World,
    reports,
    serving,
    tracked,
    until,
    world,
)


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


async def test_who_called_hears_that_the_far_end_took_no_stream(telephone: World) -> None:
    refused = twiml.ConnectStream(telephone.application.stream_url("/no-socket"))
    telephone.application.answers("/voice", refused)
    telephone.application.answers("/caller", twiml.Pause(60))
    call = await telephone.place(**tracked(telephone))
    assert await telephone.ended(call.sid) == "completed"
    async with asyncio.timeout(10):
        while not (
            over := [r.form for r in telephone.application.asked("/status") if r.form["CallStatus"] == "completed"]
        ):
            await telephone.play_out(0.1)
    assert over[0]["ErrorCode"] == "31920"


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


async def test_a_fault_of_the_exchange_itself_fails_the_call_and_says_so(
    telephone: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(telephone.exchange, "_perform", broken)
    call = await telephone.place(**tracked(telephone))
    assert await telephone.ended(call.sid) == "failed"
    last = (await reports(telephone, 3))[-1]
    assert (last["CallStatus"], last["ErrorCode"]) == ("failed", "20500")
    assert telephone.exchange.live_legs == 0
