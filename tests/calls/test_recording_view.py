from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from calls.models import Call, Recording
from calls.recordings import Span, Unsatisfiable, asked_span, path_of
from tests.factories import finished_call, make_call

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("", None),
        ("bytes=0-", Span(0, 999)),
        ("bytes=0-0", Span(0, 0)),
        ("bytes=990-2000", Span(990, 999)),
        ("bytes=-10", Span(990, 999)),
        ("bytes=-5000", Span(0, 999)),
        ("bytes=5-4", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("seconds=0-1", None),
    ],
)
def test_a_range_is_read_as_rfc_9110_says(header: str, span: Span | None) -> None:
    assert asked_span(header, SIZE) == span


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside_the_file_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_span(header, SIZE)


async def body(response: Any) -> bytes:
    stream = cast(AsyncIterator[bytes], cast(StreamingHttpResponse, response).streaming_content)
    return b"".join([piece async for piece in stream])


@pytest.fixture
async def signed_in(transactional_db: None) -> AsyncClient:
    client = AsyncClient()
    await sync_to_async(lambda: client.force_login(User.objects.create_user("ada")))()
    return client


async def test_the_recording_is_served_whole_and_in_parts(signed_in: AsyncClient) -> None:
    call: Call = await sync_to_async(finished_call)(scored=False)
    path = path_of(await Recording.objects.aget(call=call))
    assert path
    data = path.read_bytes()
    url = f"/calls/{call.public_id}/recording/"
    whole = await signed_in.get(url)
    assert (whole.status_code, await body(whole)) == (200, data)
    part = await signed_in.get(url, headers={"range": "bytes=1000-1999"})
    assert (part.status_code, await body(part)) == (206, data[1000:2000])
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(data)}"
    beyond = await signed_in.get(url, headers={"range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


async def test_a_download_has_a_name(signed_in: AsyncClient) -> None:
    call: Call = await sync_to_async(finished_call)(scored=False)
    response = await signed_in.get(f"/calls/{call.public_id}/recording/?download")
    assert response.headers["Content-Disposition"] == f'attachment; filename="call-{call.public_id}.wav"'
    await body(response)


async def test_a_recording_is_not_for_strangers(transactional_db: None) -> None:
    call: Call = await sync_to_async(finished_call)(scored=False)
    response = await AsyncClient().get(f"/calls/{call.public_id}/recording/")
    assert response.status_code == 302


async def test_a_call_without_a_recording_has_none(signed_in: AsyncClient) -> None:
    call: Call = await sync_to_async(make_call)()
    assert (await signed_in.get(f"/calls/{call.public_id}/recording/")).status_code == 404


def test_a_file_name_that_leads_elsewhere_is_no_recording() -> None:
    assert path_of(Recording(file="../secret_key")) is None
    assert path_of(Recording(file="")) is None
