import pytest
from twilio.request_validator import RequestValidator

from calls.telephony import signature

TOKEN = "12345"
FORM = {"CallSid": "CA1", "To": "+18005551212", "From": "+14158675309", "Digits": "1234"}


@pytest.mark.parametrize("url", ["https://h.example/v?a=1&b=2", "https://h.example:443/v", "http://127.0.0.1:8765/v/"])
@pytest.mark.parametrize("form", [{}, FORM, {"MediaUrl": ["b", "a", "a"], "A": ["1"]}])
def test_twilios_own_validator_accepts_our_signature(url: str, form: dict[str, str]) -> None:
    ours = signature.sign(TOKEN, url, form)
    assert RequestValidator(TOKEN).compute_signature(url, MultiValue(form)) == ours
    assert signature.is_signed(TOKEN, url, ours, form)


class MultiValue(dict[str, object]):
    def getlist(self, name: str) -> list[str]:
        value = self[name]
        return list(value) if isinstance(value, list) else [str(value)]


def test_the_documented_example_of_twilio_is_reproduced() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    assert signature.sign(TOKEN, url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


@pytest.mark.parametrize(
    ("signed", "received"),
    [
        ("https://h.example/v", "https://h.example:443/v"),
        ("https://h.example:443/v", "https://h.example/v"),
        ("wss://h.example/ws", "wss://h.example:443/ws"),
        ("wss://h.example:443/ws", "wss://h.example/ws"),
        ("http://h.example:80/v", "http://h.example/v"),
        ("https://h.example/v", "https://h.example:8443/v"),
        ("http://[::1]/v", "http://[::1]:80/v"),
        ("https://user:pw@h.example/v", "https://user:pw@h.example:443/v"),
        ("https://h.example", "https://h.example/"),
        ("https://h.example/?a=1", "https://h.example?a=1"),
    ],
)
def test_the_port_and_an_empty_path_do_not_matter(signed: str, received: str) -> None:
    assert signature.is_signed(TOKEN, received, signature.sign(TOKEN, signed, FORM), FORM)


@pytest.mark.parametrize(
    "received",
    ["https://h.example/v/", "http://h.example/v", "https://h.example/V", "https://h.example/v?x=1", "https://x/v"],
)
def test_another_url_is_refused(received: str) -> None:
    assert not signature.is_signed(TOKEN, received, signature.sign(TOKEN, "https://h.example/v", FORM), FORM)


@pytest.mark.parametrize("header", [None, "", "x", "ünïcode", "\ud800", "RSOYDt4T1cUTdK1PDd93/VVr8B9="])
def test_a_missing_or_wrong_header_is_refused_without_an_error(header: str | None) -> None:
    assert signature.is_signed(TOKEN, "https://h.example/v", header, FORM) is False
    assert signature.is_handshake_signed(TOKEN, "wss://h.example/v", header) is False
    assert signature.is_body_signed(TOKEN, "https://h.example/v", header, b"{}") is False


def test_without_a_token_nothing_is_valid() -> None:
    assert not signature.is_signed("", "https://h.example/v", signature.sign("", "https://h.example/v"))


def test_changed_parameters_are_refused() -> None:
    good = signature.sign(TOKEN, "https://h.example/v", FORM)
    assert not signature.is_signed(TOKEN, "https://h.example/v", good, {**FORM, "To": "+1900"})
    assert not signature.is_signed(TOKEN, "https://h.example/v", good)


@pytest.mark.parametrize("url", ["https://h.example/v", "https://h.example/v?a=1"])
def test_a_json_body_is_bound_by_its_hash(url: str) -> None:
    body = b'{"a": "\xc3\xa4"}'
    full = signature.url_with_body_hash(url, body)
    good = signature.sign(TOKEN, full)
    assert RequestValidator(TOKEN).validate(full, body.decode(), good)
    assert signature.is_body_signed(TOKEN, full, good, body)
    assert not signature.is_body_signed(TOKEN, full, good, body + b" ")
    assert not signature.is_body_signed(TOKEN, url, signature.sign(TOKEN, url), body)


def test_a_handshake_is_signed_over_the_exact_url() -> None:
    good = signature.sign(TOKEN, "wss://h.example/ws")
    assert signature.is_handshake_signed(TOKEN, "wss://h.example/ws", good)
    assert not signature.is_handshake_signed(TOKEN, "wss://h.example/ws/", good)
    assert not signature.is_handshake_signed(TOKEN, "https://h.example/ws", good)
