"""POST /call: an agent, given by name and prompt, calls a phone number."""

from typing import Final

from django.contrib.auth.models import User
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.dialling import is_waiting, waiting_reason
from calls.models import Call, Leg
from calls.prompted import NotCallable, Prompted, agent_with_prompt
from calls.serializers import PlaceCallSerializer, PlacedCallSerializer, QueuedCallSerializer
from calls.services import CallRefused, TelephonyFailed, place_call

MAX_KEY_CHARS: Final = 80
# How place_call's fields are called in the request.
FIELDS: Final = {"to": "phone_number", "agent": "name"}


class NotPlaced(APIException):
    """The telephone exchange did not take the call; the code is the exchange's own where it gave one."""

    status_code = status.HTTP_502_BAD_GATEWAY
    default_code = "telephony_failed"


class KeyReused(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "idempotency_key_reused"
    default_detail = "This Idempotency-Key was used for another call. Use a new key for a new call."


class PlaceCallView(APIView):
    # Not GET or PUT: a call is placed, nothing else.
    http_method_names = ("post", "options")

    @extend_schema(
        operation_id="place_call",
        request=PlaceCallSerializer,
        responses={201: PlacedCallSerializer, 200: PlacedCallSerializer, 202: QueuedCallSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The same key places one call, however often it is sent (up to 80 characters).",
            )
        ],
        examples=[
            OpenApiExample(
                "A reminder",
                {
                    "name": "Reminder",
                    "prompt": "Remind the customer of tomorrow's appointment at nine.",
                    "phone_number": "+14155550123",
                },
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Place a call. It costs money where telephony is Twilio.

        202: the limits on calls a second or on lines do not allow it at once. It waits in a queue that survives
        restarts and is dialled by itself; `Location` tells its state, and the same Idempotency-Key its call_sid.
        """
        serializer = PlaceCallSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        asked: dict[str, str] = serializer.validated_data
        key = _idempotency_key(request)
        if key and (earlier := _placed_with(key)):
            return _answer(_same_call(earlier, asked), status.HTTP_200_OK)
        return _answer(_place(asked, key), status.HTTP_201_CREATED)


def _idempotency_key(request: Request) -> str | None:
    """The key as stored: each user has keys of their own."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARS:
        raise ValidationError({"Idempotency-Key": [f"At most {MAX_KEY_CHARS} characters."]})
    assert isinstance(request.user, User)
    return f"{request.user.pk}:{key}" if key else None


def _placed_with(key: str) -> Call | None:
    return Call.objects.select_related("agent", "agent_version").filter(idempotency_key=key).first()


def _same_call(call: Call, asked: dict[str, str]) -> Call:
    version = call.agent_version
    prompt = "" if version is None else version.prompt
    if (call.agent.name, prompt, call.to_number) != (asked["name"], asked["prompt"], asked["phone_number"]):
        raise KeyReused
    return call


def _place(asked: dict[str, str], key: str | None) -> Call:
    prompted = _prompted(asked)
    try:
        return place_call(
            agent_version=prompted.version,
            to_number=asked["phone_number"],
            idempotency_key=key,
            notice=prompted.notice,
        )
    except CallRefused as refused:
        field = FIELDS.get(refused.field, refused.field) or "non_field_errors"
        raise ValidationError({field: [refused.message]}) from refused
    except TelephonyFailed as failed:
        raise NotPlaced(failed.message, failed.code or None) from failed


def _prompted(asked: dict[str, str]) -> Prompted:
    try:
        return agent_with_prompt(asked["name"], asked["prompt"])
    except NotCallable as error:
        raise ValidationError({"name": [str(error)]}) from error


def _answer(call: Call, code: int) -> Response:
    headers = {"Location": reverse("api-call", args=[call.public_id])}
    if call.notice:
        headers["Klix-Notice"] = call.notice
    call_sid = _call_sid(call)
    if not call_sid and is_waiting(call):
        body = {"call_sid": None, "status": "queued", "detail": waiting_reason(call)}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)
    if not call_sid:
        raise NotPlaced(
            "The exchange did not answer in time, and the call may be ringing. Look at /api/v1/calls/ before you place "
            "it again, or repeat the request with the same Idempotency-Key.",
            "unclear",
        )
    return Response({"call_sid": call_sid}, status=code, headers=headers)


def _call_sid(call: Call) -> str:
    leg: Leg | None = call.legs.filter(is_outbound=True).order_by("id").first()
    return (leg.call_sid or "") if leg else ""
