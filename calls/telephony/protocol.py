"""Twilio Media Streams: JSON text frames ⇄ dataclasses. Pure.

`parse` reads what the exchange sends to an application, `parse_command` what an application sends to the exchange.
Both raise `Violation` with a short reason, whatever they are given, and nothing else.
"""

import binascii
import json
import re
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

SAMPLE_RATE_HZ: Final = 8000
FRAME_MS: Final = 20
FRAME_BYTES: Final = SAMPLE_RATE_HZ * FRAME_MS // 1000
# One message may carry this much: a minute of audio is more than any peer sends at once.
MAX_PAYLOAD_BYTES: Final = 60 * SAMPLE_RATE_HZ
MAX_MESSAGE_CHARS: Final = MAX_PAYLOAD_BYTES * 4 // 3 + 4096
MAX_SID_CHARS: Final = 34
DIGITS: Final = frozenset("0123456789*#ABCD")


class Violation(ValueError):
    """A message that the protocol does not allow. The reason is one of few short texts, fit for counting."""


@dataclass(frozen=True, slots=True)
class Connected:
    protocol: str
    version: str


@dataclass(frozen=True, slots=True)
class Start:
    stream_sid: str
    account_sid: str
    call_sid: str
    custom_parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Media:
    """Inbound audio: headerless 8 kHz μ-law, its time in milliseconds since the stream's start."""

    timestamp_ms: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Dtmf:
    digit: str


@dataclass(frozen=True, slots=True)
class Stop:
    call_sid: str


Message = Connected | Start | Media | Mark | Dtmf | Stop


@dataclass(frozen=True, slots=True)
class PlayMedia:
    payload: bytes


@dataclass(frozen=True, slots=True)
class PlayMark:
    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    pass


Command = PlayMedia | PlayMark | Clear


# The message of the audio path, letter for letter as Twilio writes it. Whatever differs from it takes the long way,
# which gives the same answer to these too.
_FRAME: Final = re.compile(
    r'\{"event":"media","sequenceNumber":"[0-9]{1,11}","media":\{"track":"inbound","chunk":"[0-9]{1,11}",'
    r'"timestamp":"([0-9]{1,11})","payload":"([A-Za-z0-9+/=]+)"\},"streamSid":"MZ[0-9a-f]{32}"\}'
)


def parse(text: str) -> Message:
    """A message from the exchange."""
    if len(text) > MAX_MESSAGE_CHARS:
        raise Violation("message too long")
    if frame := _FRAME.fullmatch(text):
        timestamp, payload = frame.groups()
        return Media(int(timestamp), _decoded(payload))
    return _parse_any(_object(text))


def _parse_any(data: Mapping[str, Any]) -> Message:
    match data.get("event"):
        case "media":
            media = _part(data, "media")
            if media.get("track", "inbound") != "inbound":
                raise Violation("media of another track")
            return Media(_count(media, "timestamp"), _payload(media))
        case "mark":
            return Mark(_text(_part(data, "mark"), "name"))
        case "dtmf":
            digit = _text(_part(data, "dtmf"), "digit")
            if digit not in DIGITS:
                raise Violation("not a digit")
            return Dtmf(digit)
        case "start":
            return _start(data)
        case "stop":
            return Stop(_text(_part(data, "stop"), "callSid"))
        case "connected":
            return Connected(_text(data, "protocol"), _text(data, "version"))
        case _:
            raise Violation("unknown event")


def parse_command(text: str, stream_sid: str) -> Command:
    """A message from the application of the stream `stream_sid`."""
    data = _object(text)
    if data.get("streamSid") != stream_sid:
        raise Violation("wrong streamSid")
    match data.get("event"):
        case "media":
            return PlayMedia(_payload(_part(data, "media")))
        case "mark":
            return PlayMark(_text(_part(data, "mark"), "name"))
        case "clear":
            return Clear()
        case _:
            raise Violation("unknown event")


# --- What an application sends ----------------------------------------------------------------------------------------
def media_command(stream_sid: str, payload: bytes) -> str:
    # Written by hand: the one message of the audio path, and nothing in it needs escaping.
    encoded = b64encode(payload).decode("ascii")
    return f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"{encoded}"}}}}'


def mark_command(stream_sid: str, name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": stream_sid, "mark": {"name": name}})


def clear_command(stream_sid: str) -> str:
    return json.dumps({"event": "clear", "streamSid": stream_sid})


# --- What the exchange sends ------------------------------------------------------------------------------------------
def connected_message() -> str:
    return json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"})


def start_message(sequence: int, start: Start) -> str:
    body = {
        "streamSid": start.stream_sid,
        "accountSid": start.account_sid,
        "callSid": start.call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": SAMPLE_RATE_HZ, "channels": 1},
        "customParameters": dict(start.custom_parameters),
    }
    return _numbered("start", sequence, start.stream_sid, body)


def media_message(sequence: int, stream_sid: str, chunk: int, timestamp_ms: int, payload: bytes) -> str:
    encoded = b64encode(payload).decode("ascii")
    return (
        f'{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{chunk}",'
        f'"timestamp":"{timestamp_ms}","payload":"{encoded}"}},"streamSid":"{stream_sid}"}}'
    )


def mark_message(sequence: int, stream_sid: str, name: str) -> str:
    return _numbered("mark", sequence, stream_sid, {"name": name})


def dtmf_message(sequence: int, stream_sid: str, digit: str) -> str:
    return _numbered("dtmf", sequence, stream_sid, {"track": "inbound_track", "digit": digit})


def stop_message(sequence: int, stream_sid: str, account_sid: str, call_sid: str) -> str:
    return _numbered("stop", sequence, stream_sid, {"accountSid": account_sid, "callSid": call_sid})


def _numbered(event: str, sequence: int, stream_sid: str, body: Mapping[str, object]) -> str:
    return json.dumps({"event": event, "sequenceNumber": str(sequence), event: body, "streamSid": stream_sid})


# --- Reading ----------------------------------------------------------------------------------------------------------
def _no_constant(_: str) -> NoReturn:
    raise Violation("not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)


def _object(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_MESSAGE_CHARS:
        raise Violation("message too long")
    try:
        data = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise Violation("not JSON") from error
    if not isinstance(data, dict):
        raise Violation("not an object")
    return data


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = data.get(name)
    if not isinstance(part, dict):
        raise Violation(f"no {name}")
    return part


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    # A lone surrogate is legal JSON but cannot be stored or sent on.
    if not isinstance(value, str) or not value or len(value) > 500 or not value.isprintable():
        raise Violation(f"no {name}")
    return value


def _count(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 12:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**11:
        return value
    raise Violation(f"no {name}")


def _payload(media: Mapping[str, Any]) -> bytes:
    value = media.get("payload")
    if not isinstance(value, str):
        raise Violation("no payload")
    return _decoded(value)


def _decoded(value: str) -> bytes:
    try:
        payload = a2b_base64(value, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise Violation("payload not base64") from error
    if not payload:
        raise Violation("empty payload")
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Violation("payload too long")
    return payload


def _start(data: Mapping[str, Any]) -> Start:
    body = _part(data, "start")
    media_format = _part(body, "mediaFormat")
    if media_format.get("encoding") != "audio/x-mulaw" or media_format.get("sampleRate") != SAMPLE_RATE_HZ:
        raise Violation("media format is not 8 kHz mu-law")
    parameters = body.get("customParameters") or {}
    if not isinstance(parameters, dict) or not all(map(_is_storable, (*parameters, *parameters.values()))):
        raise Violation("customParameters are not texts")
    return Start(_sid(body, "streamSid"), _text(body, "accountSid"), _sid(body, "callSid"), parameters)


def _is_storable(value: object) -> bool:
    # A lone surrogate is legal JSON but cannot be stored or hashed; no database takes NUL.
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= char <= "\udfff" for char in value)


def _sid(data: Mapping[str, Any], name: str) -> str:
    """An identifier that may be stored as it is, and put into a message unescaped (`media_command`)."""
    value = _text(data, name)
    if len(value) > MAX_SID_CHARS or not value.isascii() or not value.isalnum():
        raise Violation(f"no {name}")
    return value
