"""The waveform on a live call's page: it comes with the snapshot, grows, and ends with the call."""

from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User

from calls import broadcast, live_peaks, recording_files, watching
from calls.audio import mulaw
from calls.live_consumer import LiveCallConsumer
from calls.models import Call
from tests.factories import live_call

PATIENCE_S = 30  # how long a message may take on a busy machine


async def until(page: WebsocketCommunicator, part: str) -> str:
    """The messages up to the one with `part`, joined."""
    heard = ""
    while part not in heard:
        heard += await page.receive_from(PATIENCE_S)
    return heard


@pytest.mark.django_db(transaction=True)
async def test_no_piece_of_the_wave_comes_after_the_news_that_the_call_is_over(
    settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    monkeypatch.setattr(live_peaks, "EVERY_S", 0.001)
    call: Call = await sync_to_async(live_call)()
    user = await sync_to_async(User.objects.create_user)("ada")
    file = recording_files.raw_path(call.public_id)
    seconds = mulaw.silence(4 * 8000)
    recording_files.append(file, seconds, seconds)
    page = WebsocketCommunicator(LiveCallConsumer.as_asgi(), f"/live/calls/{call.public_id}/")
    page.scope |= {"user": user, "url_route": {"kwargs": {"public_id": call.public_id}}}
    await page.connect(PATIENCE_S)
    assert 'id="live-piece-0"' in await page.receive_from(PATIENCE_S)
    recording_files.append(file, seconds, seconds)
    await until(page, 'id="live-piece-1"')

    await Call.objects.filter(pk=call.pk).aupdate(status="completed")
    await broadcast.call_changed(await Call.objects.aget(pk=call.pk))
    await until(page, "data-news")
    # The page fetches its finished self now, while the last of the sound is still being written.
    assert broadcast.group_of(call.public_id) not in watching._watches
    recording_files.append(file, seconds, seconds)
    await broadcast.send_html(broadcast.group_of(call.public_id), "<p>last</p>")
    assert await page.receive_from(PATIENCE_S) == "<p>last</p>"
    await page.disconnect()
