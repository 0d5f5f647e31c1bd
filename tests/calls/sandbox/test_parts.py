"""The pure parts of the exchange, and its command."""

import asyncio
import io
import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from agents.errors import Misconfigured
from agents.ports import Audio
from agents.providers.registry import VOICES
from calls.audio import mulaw
from calls.sandbox import sound
from calls.sandbox.clock import ScriptedClock
from calls.sandbox.directory import Directory, Number
from calls.sandbox.errors import CallFailed
from calls.sandbox.exchange import Exchange, Setup
from calls.sandbox.network import is_loopback, url_fault
from calls.sandbox.playout import MAX_BUFFERED_BYTES, SILENCE, Playout
from calls.sandbox.server import NotLoopback, serve
from calls.sandbox.ticker import Ticker
from calls.sandbox.voice import ProviderVoice


# --- Playout ----------------------------------------------------------------------------------------------------------
@given(st.lists(st.binary(min_size=1, max_size=700), max_size=20))
def test_a_playout_gives_back_what_was_put_in_order(pieces: list[bytes]) -> None:
    playout: Playout[str] = Playout()
    for piece in pieces:
        assert playout.put(piece)
    audio = b"".join(pieces)
    frames = [playout.take() for _ in range(len(audio) // 160 + 2)]
    assert {len(frame) for frame in frames} == {160}
    assert b"".join(frames) == audio.ljust(160 * len(frames), b"\xff")
    assert frames[-1] is SILENCE


@given(st.lists(st.one_of(st.integers(1, 500), st.just(0)), max_size=30))
def test_marks_are_reached_in_order_and_never_early(script: list[int]) -> None:
    """A number puts so many bytes, 0 sets a mark."""
    playout: Playout[int] = Playout()
    put, expected = 0, []
    for step in script:
        if step:
            playout.put(bytes(step))
            put += step
        else:
            playout.mark(put)
            expected.append(put)
    seen: list[int] = []
    for frame in range(put // 160 + 2):
        reached = playout.reached()
        assert all(position <= frame * 160 for position in reached)
        seen += reached
        playout.take()
    assert seen == expected


def test_a_full_playout_drops_what_is_too_much() -> None:
    playout: Playout[str] = Playout()
    assert playout.put(bytes(MAX_BUFFERED_BYTES))
    assert not playout.put(b"\x00")
    assert playout.buffered_bytes == MAX_BUFFERED_BYTES


# --- Ticker and clock -------------------------------------------------------------------------------------------------
class LateClock(ScriptedClock):
    """Wakes sleepers late by the given seconds, one entry a sleep, then on time."""

    def __init__(self, delays_s: list[float]) -> None:
        super().__init__()
        self._delays_s = delays_s

    async def sleep_until(self, moment: float) -> None:
        if moment > self._now:
            self._now = moment + (self._delays_s.pop(0) if self._delays_s else 0.0)


async def ticks_at(clock: ScriptedClock, count: int) -> tuple[Ticker, list[float]]:
    moments: list[float] = []

    async def tick() -> bool:
        moments.append(round(clock.now(), 3))
        return len(moments) < count

    ticker = Ticker(clock, tick)
    await ticker.run()
    return ticker, moments


async def test_late_ticks_are_caught_up_with_and_their_lateness_is_known() -> None:
    ticker, moments = await ticks_at(LateClock([0.0, 0.05]), 6)
    assert moments == [0.02, 0.09, 0.09, 0.09, 0.10, 0.12]
    assert ticker.stats()["late_max_ms"] == pytest.approx(50)
    assert ticker.stats()["skipped_ticks"] == 0


async def test_after_a_long_stop_the_lost_time_is_skipped() -> None:
    ticker, moments = await ticks_at(LateClock([60.0]), 3)
    assert ticker.stats()["skipped_ticks"] == 3000
    assert moments[-1] < 60.1


async def test_a_scripted_clock_wakes_sleepers_in_order() -> None:
    clock = ScriptedClock()
    woken: list[float] = []

    async def sleep(until: float) -> None:
        await clock.sleep_until(until)
        woken.append(clock.now())

    async with asyncio.TaskGroup() as tasks:
        for moment in (3.0, 1.0, 2.0):
            tasks.create_task(sleep(moment))
        await asyncio.sleep(0)
        await clock.advance(2.5)
        assert woken == [1.0, 2.0]
        await clock.advance(1)
    assert woken == [1.0, 2.0, 3.0]


# --- Network ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST"])
def test_loopback_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.0.0.1", "example.com", "localhost.example.com", "127.1"])
def test_everything_else_is_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("url", ["", "x", "http://", "http://[::1", "http://127.0.0.1:x/", "file:///etc/passwd"])
def test_broken_urls_have_a_fault(url: str) -> None:
    assert url_fault(url, schemes=("http", "https"), may_be_remote=True)


def test_a_remote_websocket_must_be_encrypted() -> None:
    schemes = ("ws", "wss")
    assert url_fault("ws://127.0.0.1:1/ws", schemes=schemes, may_be_remote=False) is None
    assert url_fault("wss://example.com/ws", schemes=schemes, may_be_remote=True) is None
    assert "wss" in str(url_fault("ws://example.com/ws", schemes=schemes, may_be_remote=True))
    assert url_fault("wss://example.com/ws", schemes=schemes, may_be_remote=False)


# --- Directory --------------------------------------------------------------------------------------------------------
def test_the_directory_is_kept_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "sandbox" / "directory.json"
    Directory(path).save(Number("+15550100777", "http://127.0.0.1/voice"))
    number = Directory(path).by_number("+15550100777")
    assert number is not None
    assert number.voice_url == "http://127.0.0.1/voice"
    again = Directory(path)
    again.remove(number.sid)
    assert Directory(path).all() == []
    assert [file.name for file in path.parent.iterdir()] == ["directory.json"]


@pytest.mark.parametrize("text", ["{", "[1]", json.dumps([{"colour": "red"}])])
def test_a_broken_directory_is_said_plainly(tmp_path: Path, text: str) -> None:
    path = tmp_path / "directory.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"directory\.json cannot be read"):
        Directory(path)


# --- Sound ------------------------------------------------------------------------------------------------------------
def wav(samples: "np.typing.NDArray[np.int16]", channels: int = 1, rate_hz: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def test_a_wav_becomes_mulaw() -> None:
    ramp = np.arange(-8000, 8000, 10, dtype=np.int16)
    assert sound.from_wav(wav(ramp)) == mulaw.encode(ramp)
    stereo = np.stack([ramp, ramp], axis=1)
    assert sound.from_wav(wav(stereo, channels=2)) == mulaw.encode(ramp)
    assert abs(len(sound.from_wav(wav(ramp, rate_hz=16000))) - len(ramp) // 2) <= 2


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a sound", wav(np.zeros(9, np.int16))[:30]])
def test_what_is_no_wav_is_refused(content: bytes) -> None:
    with pytest.raises(CallFailed) as refused:
        sound.from_wav(content)
    assert refused.value.problem.code == 12400


def test_a_capital_w_waits_a_whole_second() -> None:
    assert sound.from_digits("W1") == sound.from_digits("ww1")


def test_a_listener_that_rested_hears_the_next_digit() -> None:
    listener = sound.DigitListener()
    tone = sound.from_digits("7")
    frames = [tone[at : at + 160] for at in range(0, len(tone), 160)]
    heard = "".join(listener(frame) for frame in [*frames, *[SILENCE] * 50, *frames, *[SILENCE] * 10])
    assert heard == "77"


def test_another_rate_is_resampled() -> None:
    assert len(sound.from_audio(Audio(np.zeros(24000, np.int16), 24000))) == 8000


async def test_text_is_spoken_by_a_provider() -> None:
    speak = ProviderVoice("scripted:tone")
    by_default = await speak("Good day.", "alice", "en-US")
    by_name = await speak("Good day.", "scripted:tone", "")
    assert by_default.duration_ms == by_name.duration_ms > 0
    with pytest.raises(CallFailed) as refused:
        await speak("Good day.", "nobody:here", "")
    assert refused.value.problem.code == 13520


def test_the_default_voice_is_loaded_before_anybody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def fails() -> None:
        loaded.append("tone")
        raise Misconfigured("no such file", provider="tone")

    monkeypatch.setitem(VOICES._entries, "tone", replace(VOICES.get("scripted"), warm_up=fails))
    ProviderVoice("tone:high").warm_up()  # and that it cannot be loaded stops nothing
    assert loaded == ["tone"]


# --- The command ------------------------------------------------------------------------------------------------------
async def test_the_server_refuses_other_addresses() -> None:
    with pytest.raises(NotLoopback, match=r"127\.0\.0\.1"):
        await serve(Exchange(Setup("AC", "t")), "0.0.0.0", 0, on_ready=lambda url: None)


async def test_the_server_runs_until_it_is_stopped() -> None:
    stop, urls = asyncio.Event(), []

    def ready(url: str) -> None:
        urls.append(url)
        stop.set()

    await serve(Exchange(Setup("AC", "t")), "127.0.0.1", 0, on_ready=ready, stop=stop)
    assert urls[0].startswith("http://127.0.0.1:")


def test_the_command_refuses_another_address_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("sandbox", "--host", "0.0.0.0")
    assert ended.value.code == 2
    assert "not a loopback address" in capsys.readouterr().err


def test_the_command_says_which_directory_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "directory.json"
    path.write_text("{")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("sandbox", "--directory", str(path))
