"""What hostile messages do to the real consumer at `/ws`: nothing."""

import json
import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from calls.media_consumer import live_sessions
from calls.models import Call, CallEvent, Turn
from calls.states import Ending, Status
from calls.telephony import protocol
from tests.calls.exchange import db
from tests.calls.media_peers import call, refusal, signed
from tests.calls.peer import Peer, until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("energy")]

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
_events = st.sampled_from(["media", "mark", "dtmf", "start", "stop", "connected", "clear", "", "MEDIA"])
_fields = st.sampled_from(["payload", "timestamp", "track", "chunk", "name", "digit", "callSid", "streamSid", "token"])
_values = _json | st.sampled_from(
    ["inbound", "outbound", "0", "-1", "99999999999", "1e9", "٣", "/w==", "====", "A" * 9]
)
_parts = st.dictionaries(_fields, _values, max_size=5)
_message = st.builds(
    lambda event, part, more: {**more, "event": event, **({event: part} if isinstance(event, str) else {})},
    _events | _json,
    _parts | _json,
    st.dictionaries(_fields, _values, max_size=3),
)
hostile = st.one_of(
    _message.map(json.dumps),
    _json.map(json.dumps),
    st.text(max_size=200),
    st.binary(max_size=200),
    st.sampled_from(["[" * 50_000, '{"event":' * 9_000, "9" * 10_000, '{"event":"media"}', "\0", "\ud800", "NaN"]),
)


def broken(message: str) -> Iterator[str | bytes]:
    """A message, and nine ways in which it may be damaged."""
    middle = len(message) // 2
    yield from (
        message,
        message[:middle],
        message[middle:],
        message * 2,
        f" {message}\n",
        message.encode("utf-8", "replace"),
    )
    yield message.replace('"', "'", 1)
    yield message.replace(":", ",", 1)
    yield message[:middle] + "\x00" + message[middle:]
    yield f'{{"event": "media", "media": {message}}}'


@pytest.fixture(scope="module")
def ten_thousand() -> list[str | bytes]:
    """10,000 generated messages. `stop` by itself is no attack, it is how a call ends: those are left out."""
    found: list[str | bytes] = []

    @hypothesis_settings(
        max_examples=1_100,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(hostile)
    def generate(message: str | bytes) -> None:
        variants = [message] * 10 if isinstance(message, bytes) else broken(message)
        found.extend(each for each in variants if not _ends_a_call(each))

    generate()
    assert len(found) >= 10_000
    return found[:10_000]


def _ends_a_call(message: str | bytes) -> bool:
    try:
        return isinstance(message, str) and isinstance(protocol.parse(message), protocol.Stop)
    except protocol.Violation:
        return False


async def test_ten_thousand_hostile_messages_are_counted_and_the_call_goes_on(ten_thousand: list[str | bytes]) -> None:
    async with call() as far:
        await far.frames(400)
        session = far.session
        for message in ten_thousand:
            far.binary(message) if isinstance(message, bytes) else far.text(message)
            if far.unread > 100:
                await until(lambda: not far.unread)
        await until(lambda: not far.unread)
        assert live_sessions == {session}
        rejected = session._rejected
        refused = [message for message in ten_thousand if _is_refused(message)]
        assert sum(rejected.values()) >= len(refused) > 9_000
        assert len(rejected) > 10  # of many kinds, each with a short reason
        assert all(len(reason) < 60 for reason in rejected)
        far.now_ms = session.now_ms
        await far.say(600)
        await far.frames(2_000)
    heard = await db(lambda: list(Turn.objects.filter(side="caller").values_list("text", flat=True)))
    assert "a table please" in heard
    told = await db(lambda: list(CallEvent.objects.filter(name="MediaRejected").values_list("data", flat=True)))
    assert {row["reason"] for row in told} == set(rejected)
    over = await db(Call.objects.get)
    assert (over.status, over.ending) == (Status.COMPLETED, Ending.CONNECTION_LOST)


def _is_refused(message: str | bytes) -> bool:
    if isinstance(message, bytes):
        return True
    try:
        protocol.parse(message)
    except protocol.Violation:
        return True
    return False


async def test_random_bytes_in_place_of_a_stream_never_break_the_server() -> None:
    random.seed(2)
    for _ in range(100):
        far = Peer(signed())
        for _ in range(3):
            far.binary(random.randbytes(30))
        assert (await refusal(far))["code"] == 1008
