"""Media Streams messages: what is legal reads back, all else is a Violation and nothing else."""

import base64
import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.telephony import protocol

SID = "MZ" + "0" * 32
HOSTILE = settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck), database=None)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["-1", "1e9", "٣", "9" * 400, "AAAA", "====", "A", "\ud800", "\x00", "inbound", SID]),
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
FIELDS = [
    "streamSid",
    "track",
    "chunk",
    "timestamp",
    "payload",
    "name",
    "digit",
    "callSid",
    "accountSid",
    "mediaFormat",
]
EVENTS = ["connected", "start", "media", "mark", "dtmf", "stop", "clear", "", "MEDIA", "dance"]
parts = st.one_of(values, st.dictionaries(st.sampled_from([*FIELDS, "customParameters", "x"]), values, max_size=5))


@st.composite
def nearly_messages(draw: st.DrawFn) -> str:
    """Right in most places, so that the deep checks are reached."""
    event = draw(st.one_of(st.sampled_from(EVENTS), values))
    message: dict[str, Any] = {"event": event, "streamSid": draw(st.sampled_from([SID, "MZ", "", None, 3]))}
    for name in draw(st.sets(st.sampled_from(EVENTS[:7]), max_size=3)):
        message[name] = draw(parts)
    if isinstance(event, str) and draw(st.booleans()):
        message[event] = draw(parts)
    text = json.dumps(message)
    at = draw(st.one_of(st.none(), st.integers(0, len(text))))
    return text if at is None else text[:at] + draw(st.text(max_size=3)) + text[at + draw(st.integers(0, 3)) :]


GARBAGE = [
    "",
    '"',
    "{",
    "}",
    "[",
    ":",
    ",",
    "null",
    "-1",
    "1e400",
    "NaN",
    "\\ud800",
    "\ud800",
    "\x00",
    "=",
    "é",
    "9" * 5000,
]
GOOD = [
    protocol.connected_message(),
    protocol.start_message(1, protocol.Start(SID, "AC1", "CA1", {"a": "b"})),
    protocol.media_message(2, SID, 1, 0, bytes(160)),
    protocol.mark_message(3, SID, "m"),
    protocol.dtmf_message(4, SID, "5"),
    protocol.stop_message(5, SID, "AC1", "CA1"),
    protocol.media_command(SID, bytes(160)),
    protocol.mark_command(SID, "m"),
    protocol.clear_command(SID),
]

hostile = st.one_of(
    nearly_messages(),
    nearly_messages(),
    st.text(max_size=200),
    values.map(json.dumps),
    st.integers(1, 100_000).map(lambda depth: "[" * depth),
    st.integers(1, 100_000).map(lambda depth: '{"event":' * depth),
    st.sampled_from(["NaN", '{"event":NaN}', "1" * 10_000, '"\\ud800"', '{"event":"\\ud800"}', "\ufeff{}"]),
)


def judge(text: str) -> int:
    """Reads a message both ways: each gives a message or a Violation. Returns how many were violations."""
    violations = 0
    for read in (protocol.parse, lambda text: protocol.parse_command(text, SID)):
        try:
            assert isinstance(read(text), protocol.Message | protocol.Command)
        except protocol.Violation:
            violations += 1
    return violations


@HOSTILE
@given(hostile)
def test_a_hostile_message_ends_in_a_violation_and_nothing_else(text: str) -> None:
    judge(text)


def mutated(text: str, random: Random) -> str:
    for _ in range(random.randint(1, 4)):
        at, length = random.randrange(len(text) + 1), random.choice([0, 0, 1, 5, 40])
        text = text[:at] + random.choice(GARBAGE) + text[at + length :]
    return text


def test_ten_thousand_mutated_messages_end_in_violations_and_nothing_else() -> None:
    random = Random(20261122)
    violations = sum(judge(mutated(random.choice(GOOD), random)) for _ in range(10_000))
    assert 10_000 < violations <= 20_000


@given(st.binary(min_size=1, max_size=1000), st.integers(0, 10**9))
def test_media_reads_back(payload: bytes, timestamp_ms: int) -> None:
    text = protocol.media_message(3, SID, 1, timestamp_ms, payload)
    assert protocol.parse(text) == protocol.Media(timestamp_ms, payload)
    assert protocol.parse_command(protocol.media_command(SID, payload), SID) == protocol.PlayMedia(payload)


def test_the_other_messages_read_back() -> None:
    start = protocol.Start(SID, "AC1", "CA1", {"token": 'a"b'})
    assert protocol.parse(protocol.start_message(1, start)) == start
    assert protocol.parse(protocol.connected_message()) == protocol.Connected("Call", "1.0.0")
    assert protocol.parse(protocol.mark_message(2, SID, "m")) == protocol.Mark("m")
    assert protocol.parse(protocol.dtmf_message(2, SID, "#")) == protocol.Dtmf("#")
    assert protocol.parse(protocol.stop_message(2, SID, "AC1", "CA1")) == protocol.Stop("CA1")
    assert protocol.parse_command(protocol.mark_command(SID, "m"), SID) == protocol.PlayMark("m")
    assert protocol.parse_command(protocol.clear_command(SID), SID) == protocol.Clear()


def test_numbers_travel_as_text() -> None:
    message = json.loads(protocol.media_message(3, SID, 1, 5, b"\xff"))
    media = message["media"]
    assert (message["sequenceNumber"], media["chunk"], media["timestamp"]) == ("3", "1", "5")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        ("[]", "not an object"),
        ('{"event":"dance"}', "unknown event"),
        ('{"event":"media"}', "no media"),
        ('{"event":"media","media":{"timestamp":"1","payload":"!"}}', "payload not base64"),
        ('{"event":"media","media":{"timestamp":"1","payload":""}}', "empty payload"),
        ('{"event":"media","media":{"timestamp":"-1","payload":"AAAA"}}', "no timestamp"),
        ('{"event":"media","media":{"track":"outbound","timestamp":"1","payload":"AAAA"}}', "media of another track"),
        ('{"event":"dtmf","dtmf":{"digit":"x"}}', "not a digit"),
        ("x" * (protocol.MAX_MESSAGE_CHARS + 1), "message too long"),
    ],
)
def test_a_violation_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(protocol.Violation, match=reason):
        protocol.parse(text)


def test_a_payload_over_a_minute_is_refused() -> None:
    payload = base64.b64encode(bytes(protocol.MAX_PAYLOAD_BYTES + 1)).decode()
    with pytest.raises(protocol.Violation, match="too long"):
        protocol.parse_command(json.dumps({"event": "media", "streamSid": SID, "media": {"payload": payload}}), SID)


@given(
    sequence=st.integers(0, 10**12),
    timestamp=st.one_of(st.integers(0, 10**12).map(str), st.sampled_from(["", "-1", "٣", "1e3", " 1"])),
    payload=st.one_of(
        st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode()), st.text("Aa+/=", max_size=9)
    ),
    sid=st.sampled_from([SID, "MZ" + "g" * 32, "MZ", ""]),
)
def test_a_frame_as_twilio_writes_it_reads_like_the_same_frame_written_otherwise(
    sequence: int, timestamp: str, payload: str, sid: str
) -> None:
    text = (
        f'{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{sequence}",'
        f'"timestamp":"{timestamp}","payload":"{payload}"}},"streamSid":"{sid}"}}'
    )
    assert outcome(text) == outcome(json.dumps(json.loads(text)))


def outcome(text: str) -> protocol.Message | str:
    try:
        return protocol.parse(text)
    except protocol.Violation as violation:
        return str(violation)
