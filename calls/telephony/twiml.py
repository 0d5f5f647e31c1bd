"""TwiML: verbs as dataclasses, written to and read from XML. Pure.

`parse` refuses what Twilio refuses, with Twilio's error number: 12100 not well-formed XML, 12200 an element, attribute
or value that TwiML does not have, 11750 a document over 64 kB. It also refuses, as 12200, the verbs that are TwiML but
not ours (`VERBS` is all that is read), and every document type declaration: no entity is ever expanded.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit
from xml.etree import ElementTree

MAX_DOCUMENT_CHARS: Final = 64 * 1024
MAX_PARAMETER_CHARS: Final = 500
MAX_SAY_CHARS: Final = 4096
PLAYED_DIGITS: Final = frozenset("0123456789*#ABCDwW")
REJECT_REASONS: Final = ("rejected", "busy")


class TwimlError(ValueError):
    """A document that Twilio would not execute. `code` is Twilio's error number."""

    def __init__(self, message: str, code: int = 12200) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """`<Connect><Stream>`: a bidirectional media stream to the websocket at `url`."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    action: str = ""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    voice: str = ""
    language: str = ""
    loop: int = 1  # 0: until the call ends


@dataclass(frozen=True, slots=True)
class Play:
    """A sound file at `url`, or `digits` as DTMF tones (w: half a second of silence)."""

    url: str = ""
    digits: str = ""
    loop: int = 1


@dataclass(frozen=True, slots=True)
class Pause:
    length_s: int = 1


@dataclass(frozen=True, slots=True)
class Dial:
    number: str
    action: str = ""
    method: str = "POST"
    timeout_s: int = 30
    time_limit_s: int = 14400
    caller_id: str = ""


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


Verb = ConnectStream | Say | Play | Pause | Dial | Redirect | Reject | Hangup


# --- Writing ----------------------------------------------------------------------------------------------------------
def render(*verbs: Verb) -> str:
    """The document that `parse` reads back as `verbs`."""
    response = ElementTree.Element("Response")
    for verb in verbs:
        _write(response, verb)
    body = ElementTree.tostring(response, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{body}'


def connect_stream(url: str, parameters: Mapping[str, str] | None = None, status_callback: str = "") -> str:
    """`parameters` arrive in the stream's `start.customParameters`; a `url` may carry no query string."""
    verb = ConnectStream(url, parameters or {}, status_callback=status_callback)
    _check_stream(verb)
    return render(verb)


def hang_up() -> str:
    return render(Hangup())


def reject(reason: str = "rejected") -> str:
    """Refuses an incoming call without answering: "rejected" (not in service) or "busy"."""
    return render(Reject(_one_of(reason, REJECT_REASONS, "Reject reason")))


def say(text: str, *, voice: str = "", language: str = "", then_hang_up: bool = False) -> str:
    verb = Say(text, voice, language)
    return render(verb, Hangup()) if then_hang_up else render(verb)


def redirect(url: str) -> str:
    return render(Redirect(url))


def _write(response: ElementTree.Element, verb: Verb) -> None:
    match verb:
        case ConnectStream():
            connect = _add(response, "Connect", action=verb.action, method=_unless(verb.method, "POST"))
            stream = _add(connect, "Stream", url=verb.url, name=verb.name, statusCallback=verb.status_callback)
            if verb.status_callback_method != "POST":
                stream.set("statusCallbackMethod", verb.status_callback_method)
            for name, value in verb.parameters.items():
                ElementTree.SubElement(stream, "Parameter", {"name": name, "value": value})
        case Say():
            loop = _unless(str(verb.loop), "1")
            _add(response, "Say", verb.text, voice=verb.voice, language=verb.language, loop=loop)
        case Play():
            _add(response, "Play", verb.url, digits=verb.digits, loop=_unless(str(verb.loop), "1"))
        case Pause():
            _add(response, "Pause", length=str(verb.length_s))
        case Dial():
            _write_dial(response, verb)
        case Redirect():
            _add(response, "Redirect", verb.url, method=_unless(verb.method, "POST"))
        case Reject():
            _add(response, "Reject", reason=verb.reason)
        case Hangup():
            _add(response, "Hangup")


def _write_dial(response: ElementTree.Element, verb: Dial) -> None:
    _add(
        response,
        "Dial",
        verb.number,
        action=verb.action,
        method=_unless(verb.method, "POST"),
        timeout=_unless(str(verb.timeout_s), "30"),
        timeLimit=_unless(str(verb.time_limit_s), "14400"),
        callerId=verb.caller_id,
    )


def _add(parent: ElementTree.Element, tag: str, text: str = "", **attributes: str) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag, {name: value for name, value in attributes.items() if value})
    element.text = text or None
    return element


def _unless(value: str, default: str) -> str:
    return "" if value == default else value


# --- Reading ----------------------------------------------------------------------------------------------------------
def parse(document: str) -> list[Verb]:
    """The verbs of a TwiML document in order. Raises TwimlError."""
    return [_verb(element) for element in _response(document)]


def _response(document: str) -> ElementTree.Element:
    if len(document) > MAX_DOCUMENT_CHARS:
        raise TwimlError(f"The TwiML has {len(document)} characters; at most {MAX_DOCUMENT_CHARS} are allowed.", 11750)
    if "<!DOCTYPE" in document:
        raise TwimlError("The TwiML has a document type declaration; remove it.", 12100)
    try:
        root = ElementTree.fromstring(document.lstrip("\ufeff \t\r\n"))  # noqa: S314  (no DTD: nothing to expand)
    except (ElementTree.ParseError, ValueError) as error:
        raise TwimlError(f"The TwiML is not well-formed XML: {error}.", 12100) from error
    if root.tag != "Response":
        raise TwimlError(f"The TwiML's root element must be <Response>, not <{root.tag}>.", 12100)
    if _text(root) or any((child.tail or "").strip() for child in root):
        raise TwimlError("Text stands between the TwiML's verbs; put it into <Say>.")
    return root


def _verb(element: ElementTree.Element) -> Verb:
    try:
        read, attributes = VERBS[element.tag]
    except KeyError:
        known = ", ".join(f"<{name}>" for name in VERBS)
        raise TwimlError(f"The verb <{element.tag}> is not known here. Known: {known}.") from None
    _allow(element, attributes)
    return read(element)


def _connect(element: ElementTree.Element) -> ConnectStream:
    stream = _only_child(element, "Stream")
    _allow(stream, ("url", "name", "statusCallback", "statusCallbackMethod", "track"))
    if stream.get("track", "inbound_track") != "inbound_track":
        raise TwimlError('<Connect><Stream> sends the inbound track only: remove track, or set "inbound_track".')
    verb = ConnectStream(
        stream.get("url", "").strip(),
        dict(_parameter(child) for child in stream),
        stream.get("name", ""),
        stream.get("statusCallback", "").strip(),
        _method(stream, "statusCallbackMethod"),
        element.get("action", "").strip(),
        _method(element),
    )
    _check_stream(verb)
    return verb


def _check_stream(verb: ConnectStream) -> None:
    parts = _split(verb.url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise TwimlError(f"<Stream> needs an absolute wss url, not {verb.url!r}.")
    if parts.query or parts.fragment or "?" in verb.url:
        raise TwimlError("A <Stream> url carries no query string: pass values as <Parameter>.")
    for name, value in verb.parameters.items():
        if len(name) + len(value) >= MAX_PARAMETER_CHARS:
            raise TwimlError(f"The <Parameter> {name[:40]!r}: name and value must stay under {MAX_PARAMETER_CHARS}.")


def _parameter(element: ElementTree.Element) -> tuple[str, str]:
    if element.tag != "Parameter":
        raise TwimlError(f"<Stream> holds <Parameter> only, not <{element.tag}>.")
    _allow(element, ("name", "value"))
    if not element.get("name"):
        raise TwimlError("A <Parameter> needs a name.")
    return element.get("name", ""), element.get("value", "")


def _say(element: ElementTree.Element) -> Say:
    text = " ".join("".join(element.itertext()).split())
    if not text:
        raise TwimlError("<Say> holds no text.")
    if len(text) > MAX_SAY_CHARS:
        raise TwimlError(f"<Say> holds {len(text)} characters; at most {MAX_SAY_CHARS} are allowed.")
    return Say(text, element.get("voice", ""), element.get("language", ""), _number(element, "loop", 1, 0, 1000))


def _play(element: ElementTree.Element) -> Play:
    url, digits = _text(element), element.get("digits", "")
    if bool(url) == bool(digits):
        raise TwimlError("<Play> needs either a url or digits.")
    if not set(digits) <= PLAYED_DIGITS:
        raise TwimlError("<Play digits> may hold 0-9, *, #, A-D and w (half a second of silence).")
    return Play(url, digits, _number(element, "loop", 1, 0, 1000))


def _pause(element: ElementTree.Element) -> Pause:
    return Pause(_number(element, "length", 1, 0, 14400))


def _dial(element: ElementTree.Element) -> Dial:
    number = _text(element)
    if len(element):
        child = _only_child(element, "Number")
        _allow(child, ())
        number = _text(child)
    if not number:
        raise TwimlError("<Dial> needs a number.")
    return Dial(
        number,
        element.get("action", "").strip(),
        _method(element),
        _number(element, "timeout", 30, 1, 600),
        _number(element, "timeLimit", 14400, 1, 86400),
        element.get("callerId", ""),
    )


def _redirect(element: ElementTree.Element) -> Redirect:
    if not _text(element):
        raise TwimlError("<Redirect> needs a url.")
    return Redirect(_text(element), _method(element))


def _reject(element: ElementTree.Element) -> Reject:
    return Reject(_one_of(element.get("reason", "rejected"), REJECT_REASONS, "Reject reason"))


def _hang_up(_: ElementTree.Element) -> Hangup:
    return Hangup()


VERBS: Final[dict[str, tuple[Callable[[ElementTree.Element], Verb], tuple[str, ...]]]] = {
    "Connect": (_connect, ("action", "method")),
    "Say": (_say, ("voice", "language", "loop")),
    "Play": (_play, ("digits", "loop")),
    "Pause": (_pause, ("length",)),
    "Dial": (_dial, ("action", "method", "timeout", "timeLimit", "callerId")),
    "Redirect": (_redirect, ("method",)),
    "Reject": (_reject, ("reason",)),
    "Hangup": (_hang_up, ()),
}


def _allow(element: ElementTree.Element, names: Iterable[str]) -> None:
    if unknown := sorted(set(element.keys()) - set(names)):
        raise TwimlError(f"<{element.tag}> has no attribute {', '.join(unknown)} here. Known: {', '.join(names)}.")


def _only_child(element: ElementTree.Element, tag: str) -> ElementTree.Element:
    if [child.tag for child in element] != [tag]:
        raise TwimlError(f"<{element.tag}> must hold one <{tag}>, and here nothing else.")
    return element[0]


def _text(element: ElementTree.Element) -> str:
    return (element.text or "").strip()


def _method(element: ElementTree.Element, name: str = "method") -> str:
    return _one_of(element.get(name, "POST").upper(), ("POST", "GET"), name)


def _one_of(value: str, allowed: tuple[str, ...], what: str) -> str:
    if value not in allowed:
        raise TwimlError(f"{what} must be {' or '.join(allowed)}, not {value!r}.")
    return value


def _number(element: ElementTree.Element, name: str, default: int, low: int, high: int) -> int:
    text = element.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise TwimlError(f"<{element.tag} {name}> must be a whole number from {low} to {high}, not {text!r}.")
    return int(text)


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise TwimlError(f"{url!r} is not a URL: {error}.") from error
