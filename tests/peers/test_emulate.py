"""Our client against `emulate` (npm), a Twilio REST server that others wrote."""

import socket
import subprocess
import time
from collections.abc import Iterator

import pytest
import requests

from calls.telephony.twilio import Telephony, TelephonyError
from tests.peers.installed import node_modules

SID, TOKEN, NUMBER = "AC" + "0" * 32, "twilio_test_auth_token", "+15551234567"
START_S = 60


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    modules = node_modules("emulate@0.11.2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", str(modules / ".bin" / "emulate"), "--service", "twilio", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + START_S
    while True:
        try:
            requests.get(url, timeout=1)
        except requests.RequestException:
            assert server.poll() is None, "emulate did not start."
            assert time.monotonic() < end, "emulate does not answer."
            time.sleep(0.1)  # another process's start: nothing tells of it
        else:
            return


@pytest.fixture
def telephony(base_url: str) -> Telephony:
    return Telephony(SID, TOKEN, base_url=base_url)


def place(telephony: Telephony, to: str = "+15550002222") -> str:
    # Ports where nobody listens: it tells the statuses of calls there, or tries to.
    return telephony.place(
        to=to,
        from_=NUMBER,
        url="http://127.0.0.1:9/voice",
        status_callback="http://127.0.0.1:9/status",
        ring_timeout_s=30,
        time_limit_s=60,
        send_digits="1",
    )


def test_a_call_is_placed_found_and_hung_up(telephony: Telephony) -> None:
    sid = place(telephony)
    assert sid.startswith("CA")
    found = telephony.fetch(sid)
    assert found is not None
    assert (found.sid, found.status in ("queued", "ringing", "in-progress", "completed")) == (sid, True)
    telephony.hang_up(sid)
    ended = telephony.fetch(sid)
    assert ended is not None
    assert ended.status in ("completed", "canceled")


def test_a_call_that_nobody_made_is_unknown(telephony: Telephony) -> None:
    assert telephony.fetch("CA" + "9" * 32) is None


def test_wrong_credentials_are_refused_with_what_to_do(base_url: str) -> None:
    with pytest.raises(TelephonyError) as refused:
        Telephony(SID, "wrong", base_url=base_url).account_status()
    assert refused.value.code == "20003"
    assert "TWILIO_AUTH_TOKEN" in refused.value.message


def test_the_account_and_its_number_are_found(telephony: Telephony) -> None:
    assert telephony.account_status() == "active"
    number = telephony.number(NUMBER)
    assert number is not None
    assert number.sid.startswith("PN")
    assert telephony.number("+15559999999") is None
