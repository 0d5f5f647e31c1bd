"""The REST API as Twilio's own client sees it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, World, until

SILENT = "+15550100900"
AUTHORIZED = {"Authorization": encode_basic_auth(SID, TOKEN)}


async def refusal(action: Callable[[], Any]) -> TwilioRestException:
    with pytest.raises(TwilioRestException) as raised:
        await asyncio.to_thread(action)
    return raised.value


async def test_a_call_is_created_fetched_and_hung_up(telephone: World) -> None:
    call, _, _ = await telephone.two_streams()
    assert (call.status, call.direction, call.to, call._from) == ("queued", "outbound-api", AGENT, KLIX)
    assert call.date_created == datetime(2026, 1, 1, tzinfo=UTC)
    assert (await telephone.fetch(call.sid)).status == "in-progress"
    await telephone.play_out(3)
    updated = await telephone.update(call.sid, status="completed")
    assert (updated.status, updated.duration) == ("completed", "3")
    assert updated.end_time == datetime(2026, 1, 1, 0, 0, 3, tzinfo=UTC)


async def test_a_wrong_token_is_refused(telephone: World) -> None:
    client = Client(SID, "wrong")
    client.api.base_url = telephone.client.api.base_url
    error = await refusal(lambda: client.calls("CA1").fetch())
    client.http_client.session.close()
    assert (error.status, error.code) == (401, 20003)


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Bearer x", "Basic eA=="])
async def test_broken_credentials_are_refused(telephone: World, header: str) -> None:
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}/Calls.json"
    async with ClientSession() as session, session.get(url, headers={"Authorization": header}) as response:
        assert response.status == 401
        assert await response.json() == {
            "code": 20003,
            "message": "Authenticate",
            "more_info": "https://www.twilio.com/docs/errors/20003",
            "status": 401,
        }


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"to": "12345"}, 21211),
        ({"to": ""}, 21201),
        ({"from_": "nobody"}, 21212),
        ({"from_": ""}, 21213),
        ({"url": "not a url"}, 21205),
        ({"url": "https://example.com/voice"}, 21205),
        ({"url": ""}, 21205),
        ({"timeout": 0}, 20001),
        ({"send_digits": "1x"}, 21210),
        ({"record": True}, 20001),
        ({"status_callback": "http://127.0.0.1/s", "status_callback_event": ["dancing"]}, 21626),
        ({"status_callback": "ftp://127.0.0.1/s"}, 21609),
        ({"machine_detection": "Perhaps"}, 20001),
        ({"twiml": "x" * 4001}, 21206),
    ],
)
async def test_a_bad_call_is_refused_with_twilios_number(
    telephone: World, parameters: dict[str, Any], code: int
) -> None:
    wanted = {"to": SILENT, "from_": KLIX, "url": telephone.application.at("/caller"), **parameters}
    error = await refusal(lambda: telephone.client.calls.create(**wanted))
    assert (error.status, error.code) == (400, code)
    assert telephone.exchange.live_legs == 0


async def test_a_body_that_is_no_form_is_refused(telephone: World) -> None:
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}/Calls.json"
    headers = {**AUTHORIZED, "Content-Type": "application/x-www-form-urlencoded"}
    async with ClientSession() as session, session.post(url, headers=headers, data=b"To=\xff") as response:
        assert response.status == 400


async def test_an_unknown_call_is_not_found(telephone: World) -> None:
    error = await refusal(lambda: telephone.client.calls("CA" + "0" * 32).fetch())
    assert (error.status, error.code) == (404, 20404)


async def test_another_account_is_not_found(telephone: World) -> None:
    error = await refusal(lambda: telephone.client.api.accounts("AC" + "9" * 32).calls("CA1").fetch())
    assert (error.status, error.code) == (404, 20404)


async def test_a_finished_call_cannot_be_updated(telephone: World) -> None:
    call, _, _ = await telephone.two_streams()
    await telephone.update(call.sid, status="completed")
    hang_up = await refusal(lambda: telephone.client.calls(call.sid).update(status="completed"))
    redirect = await refusal(lambda: telephone.client.calls(call.sid).update(twiml="<Response/>"))
    assert [(error.status, error.code) for error in (hang_up, redirect)] == [(400, 21220)] * 2


async def test_canceling_leaves_an_answered_call_alone(telephone: World) -> None:
    call, _, _ = await telephone.two_streams()
    assert (await telephone.update(call.sid, status="canceled")).status == "in-progress"


async def test_canceling_ends_a_ringing_call(telephone: World) -> None:
    call = await telephone.place(to="+15550100902")
    assert (await telephone.update(call.sid, status="canceled")).status == "canceled"
    await until(lambda: telephone.exchange.live_legs == 0)


async def test_calls_are_listed_newest_first_and_by_pages(telephone: World) -> None:
    telephone.application.answers("/caller")
    placed = [(await telephone.place(to=SILENT)).sid for _ in range(3)]
    listed = await asyncio.to_thread(lambda: telephone.client.calls.list(page_size=2, to=SILENT))
    outgoing = [call.sid for call in listed if call.direction == "outbound-api"]
    assert outgoing == placed[::-1]
    far = await asyncio.to_thread(lambda: telephone.client.calls.list(parent_call_sid=placed[0]))
    assert [call.direction for call in far] == ["inbound"]


async def test_what_went_wrong_is_listed(telephone: World) -> None:
    telephone.application.statuses["/caller"] = 500
    call = await telephone.place(to=SILENT)
    assert await telephone.ended(call.sid) == "failed"
    notes = await asyncio.to_thread(lambda: telephone.client.calls(call.sid).notifications.list())
    assert [(note.error_code, note.log) for note in notes] == [("11200", "0")]


async def test_the_account_can_be_fetched(telephone: World) -> None:
    account = await asyncio.to_thread(lambda: telephone.client.api.accounts(SID).fetch())
    assert account.status == "active"


async def test_numbers_are_created_listed_changed_and_deleted(telephone: World) -> None:
    numbers = telephone.client.incoming_phone_numbers
    url = telephone.application.at("/mine")
    created = await asyncio.to_thread(lambda: numbers.create(phone_number="+15550100777", voice_url=url))
    assert (created.voice_url, created.voice_method) == (url, "POST")
    listed = await asyncio.to_thread(lambda: numbers.list(phone_number="+15550100777"))
    assert [number.sid for number in listed] == [created.sid]
    changed = await asyncio.to_thread(lambda: numbers(created.sid).update(voice_method="GET"))
    assert (changed.voice_url, changed.voice_method) == (url, "GET")
    assert await asyncio.to_thread(lambda: numbers(created.sid).delete())
    assert (await refusal(lambda: numbers(created.sid).fetch())).status == 404


@pytest.mark.parametrize("taken", ["+15550100901", "+15550100778"])
async def test_a_taken_number_is_not_available(telephone: World, taken: str) -> None:
    numbers = telephone.client.incoming_phone_numbers
    await asyncio.to_thread(lambda: numbers.create(phone_number="+15550100778"))
    assert (await refusal(lambda: numbers.create(phone_number=taken))).code == 21422


async def test_health_and_figures_are_given(telephone: World) -> None:
    base = telephone.client.api.base_url
    await telephone.two_streams()
    await telephone.play_out(0.2)
    async with ClientSession() as session:
        async with session.get(base + "/healthz") as response:
            assert await response.json() == {"status": "ok"}
        async with session.get(base + "/stats") as response:
            assert response.status == 401
        async with session.get(base + "/stats", headers=AUTHORIZED) as response:
            stats = await response.json()
    assert (stats["live_legs"], stats["late_max_ms"]) == (2, 0.0)
    assert stats["ticks"] >= 9


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("DELETE", "/Calls.json", 405)])
async def test_other_requests_are_refused_in_twilios_form(
    telephone: World, method: str, path: str, status: int
) -> None:
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}{path}"
    async with ClientSession(headers=AUTHORIZED) as session, session.request(method, url) as response:
        assert response.status == status
        assert (await response.json())["status"] == status
