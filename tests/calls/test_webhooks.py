"""What the exchange tells us: only with its signature over exactly our URL; harmless when it comes twice or late."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from django.urls import reverse

from calls.models import Call, Leg
from calls.states import Side, Status
from calls.telephony import signature, twiml
from calls.telephony_account import callback_url, stream_url
from calls.tokens import token_hash
from tests.calls.exchange import AGENT, STRANGER, scripted_agent

pytestmark = pytest.mark.django_db
CALL = "CA" + "1" * 32


@pytest.fixture
def leg() -> Leg:
    version = scripted_agent()
    call = Call.objects.create(agent=version.agent, agent_version=version, direction="outbound", to_number=STRANGER)
    return Leg.objects.create(call=call, side=Side.AGENT, is_primary=True, is_outbound=True)


def post(path: str, form: dict[str, str], *, signed: str | None = None, **headers: str) -> Any:
    """`signed`: the URL that the signature is over; the right one by default."""
    given = signature.sign(settings.TWILIO_AUTH_TOKEN, signed or callback_url(path), form)
    return Client(enforce_csrf_checks=True).post(path, form, headers={signature.HEADER: given, **headers})


def status_path(leg: Leg) -> str:
    return reverse("twilio:status", args=[leg.public_id])


def paths(leg: Leg) -> list[str]:
    of_leg = [reverse(f"twilio:{name}", args=[leg.public_id]) for name in ("voice-placed", "amd")]
    return [reverse("twilio:voice"), *of_leg, status_path(leg)]


@pytest.mark.parametrize("given", [None, "", "bm90IGl0", "\u00e9"])
def test_without_the_right_signature_each_webhook_is_forbidden(leg: Leg, given: str | None) -> None:
    client = Client(headers={} if given is None else {signature.HEADER: given})
    client.force_login(User.objects.create_superuser("root"))
    for path in paths(leg):
        answer = client.post(path, {"CallSid": CALL, "CallStatus": "completed"})
        assert answer.status_code == 403
        assert b"TWILIO_AUTH_TOKEN" in answer.content
    assert leg.call.status == Call.objects.get().status == Status.QUEUED


def test_a_webhook_is_posted(leg: Leg) -> None:
    client = Client()
    assert [client.get(path).status_code for path in paths(leg)] == [405, 405, 405, 405]


@pytest.mark.parametrize("public", ["https://klix.example.com", "https://klix.example.com:8443"])
@pytest.mark.parametrize("query", ["", "?a=1&b=%20x", "?"])
def test_behind_a_proxy_the_public_address_is_signed_whatever_the_proxy_says(leg: Leg, public: str, query: str) -> None:
    path, form = status_path(leg), {"CallStatus": "ringing"}
    told = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Port": "1"}
    with override_settings(CALLBACK_BASE_URL=public):
        assert post(path + query, form, signed=f"{public}{path}{query.removesuffix('?')}", **told).status_code == 204
        for wrong in ("https://elsewhere.example", "http://testserver", public.replace("https", "http")):
            assert post(path + query, form, signed=f"{wrong}{path}{query}", **told).status_code == 403


@pytest.mark.parametrize("other", ["{}/", "{}?a=1", "{}#x", "https://elsewhere.example{}"])
def test_a_signature_over_another_url_is_none(leg: Leg, other: str) -> None:
    path = status_path(leg)
    url = other.format(path if "elsewhere" in other else callback_url(path))
    assert post(path, {"CallStatus": "ringing"}, signed=url).status_code == 403


def test_a_signature_over_another_form_is_none(leg: Leg) -> None:
    given = signature.sign(settings.TWILIO_AUTH_TOKEN, callback_url(status_path(leg)), {"CallStatus": "ringing"})
    answer = Client().post(status_path(leg), {"CallStatus": "failed"}, headers={signature.HEADER: given})
    assert answer.status_code == 403


def test_a_query_counts_and_the_port_may_be_left_out(leg: Leg) -> None:
    path = f"{status_path(leg)}?attempt=2"
    assert post(path, {"CallStatus": "ringing"}).status_code == 204
    scheme, _, rest = callback_url(path).partition("://")
    host, _, tail = rest.partition("/")
    portless = f"{scheme}://{host.rpartition(':')[0]}/{tail}"
    assert post(path, {"CallStatus": "ringing"}, signed=portless).status_code == 204


def test_a_placed_call_is_connected_with_a_token_of_its_leg(leg: Leg) -> None:
    answer = post(reverse("twilio:voice-placed", args=[leg.public_id]), {"CallSid": CALL})
    (verb,) = twiml.parse(answer.content.decode())
    assert isinstance(verb, twiml.ConnectStream)
    leg.refresh_from_db()
    assert verb.url == stream_url()
    assert token_hash(verb.parameters["token"]) == leg.stream_token_hash
    assert leg.call_sid == CALL


def test_a_call_to_nobody_is_rejected() -> None:
    answer = post(reverse("twilio:voice"), {"CallSid": CALL, "From": STRANGER, "To": AGENT})
    assert isinstance(twiml.parse(answer.content.decode())[0], twiml.Reject)
    assert not Call.objects.exists()


def test_the_same_incoming_call_told_twice_is_one_call() -> None:
    scripted_agent()
    form = {"CallSid": CALL, "From": STRANGER, "To": AGENT}
    answers = [post(reverse("twilio:voice"), form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert Call.objects.count() == Leg.objects.count() == 1


@pytest.mark.parametrize("form", [{}, {"CallSid": CALL}, {"To": AGENT}])
def test_an_incoming_call_without_sid_or_number_is_a_bad_request(form: dict[str, str]) -> None:
    assert post(reverse("twilio:voice"), form).status_code == 400


@pytest.mark.parametrize("form", [{}, {"CallStatus": "gone"}, {"CallStatus": "ringing", "SequenceNumber": "two"}])
def test_a_status_that_cannot_be_read_is_a_bad_request(leg: Leg, form: dict[str, str]) -> None:
    assert post(status_path(leg), form).status_code == 400


def test_a_signed_webhook_of_an_unknown_leg_is_not_found() -> None:
    assert post(reverse("twilio:status", args=[uuid4()]), {"CallStatus": "ringing"}).status_code == 404


def test_callbacks_that_come_late_and_twice_leave_the_call_where_it_was(leg: Leg) -> None:
    seen = []
    for status, number in [("ringing", 1), ("completed", 3), ("in-progress", 2), ("completed", 3), ("initiated", 0)]:
        answer = post(status_path(leg), {"CallSid": CALL, "CallStatus": status, "SequenceNumber": str(number)})
        assert answer.status_code == 204
        seen.append(Call.objects.get().status)
    assert seen == ["ringing", "completed", "completed", "completed", "completed"]


def test_the_exchanges_reason_for_a_failure_is_kept(leg: Leg) -> None:
    post(status_path(leg), {"CallStatus": "failed", "ErrorCode": "13224", "ErrorMessage": "x" * 900})
    call = Call.objects.get()
    assert (call.status, call.ending, call.error_code) == ("failed", "not-connected", "13224")
    assert len(call.error_message) == 500


def test_a_failure_is_told_with_what_to_do(leg: Leg) -> None:
    post(status_path(leg), {"CallStatus": "failed", "ErrorCode": "11205", "ErrorMessage": "Nothing answers"})
    assert Call.objects.get().error_message == "Nothing answers. Start the application, or correct its address."


def test_a_call_that_completed_without_any_stream_was_not_connected(leg: Leg) -> None:
    said = {"ErrorCode": "31920", "ErrorMessage": "ws://bot did not take the stream."}
    post(status_path(leg), {"CallStatus": "completed", **said})
    call = Call.objects.get()
    assert (call.status, call.ending, call.error_code) == ("completed", "not-connected", "31920")
