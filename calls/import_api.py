"""POST /api/v1/recordings/: a finished call that was held elsewhere."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import FormParser, JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from agents.models import Agent
from calls.imports import Material, import_call, read_transcript
from calls.models import Call
from calls.refusals import CallRefused

MAX_KEY_CHARS: Final = 80


@extend_schema_field(
    {
        "oneOf": [
            {
                "type": "object",
                "required": ["turns"],
                "properties": {"turns": {"type": "array", "items": {"type": "object"}}},
                "example": {"turns": [{"side": "agent", "text": "Hello", "start": 0.9, "end": 1.6}]},
            },
            {"type": "string"},
        ]
    }
)
class TranscriptField(serializers.Field[Any, Any, Any, Any]):
    """`{"turns": […]}` as JSON, as text or as a file of the form."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return read_transcript(data.read() if isinstance(data, UploadedFile) else data)
        except CallRefused as refused:
            raise serializers.ValidationError(refused.message) from refused

    def to_representation(self, value: Any) -> Any:
        return value


class ImportSerializer(serializers.Serializer[Any]):
    """A recording, or a recording's SID, or a transcript; a transcript may come with either."""

    agent = serializers.CharField(help_text="The agent's id or name.", max_length=100)
    audio = serializers.FileField(required=False, help_text="WAV, MP3, OGG or FLAC, mono or stereo.")
    recording_sid = serializers.CharField(required=False, max_length=34, help_text="A recording at Twilio: RE….")
    transcript = TranscriptField(
        required=False,
        help_text='{"turns": [{"side": "agent", "text": "Hello", "start": 0.9, "end": 1.6}]}, times in seconds.',
    )
    agent_channel = serializers.ChoiceField(
        choices=["left", "right"], default="right", help_text="Which channel of a stereo recording is the agent's."
    )
    started_at = serializers.DateTimeField(required=False, help_text="When the call was answered.")

    def to_internal_value(self, data: Any) -> Any:
        # A misspelt field is said at once: the call would be brought in without what it holds.
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError({name: [f"Unknown field. Known: {known}."] for name in unknown})
        return super().to_internal_value(data)

    def validate_agent(self, text: str) -> Agent:
        found = Agent.objects.filter(archived_at=None)
        try:
            agent = found.filter(public_id=UUID(text)).first()
        except ValueError:
            agent = found.filter(name=text).first()
        if agent is None or agent.current_version is None:
            raise serializers.ValidationError("There is no agent of this name or id: GET /api/v1/agents/ lists them.")
        return agent

    def validate_audio(self, file: "UploadedFile[Any]") -> "UploadedFile[Any]":
        if (file.size or 0) > settings.IMPORT_MAX_MB << 20:
            raise serializers.ValidationError(
                f"Larger than {settings.IMPORT_MAX_MB} MB (KLIX_IMPORT_MAX_MB): send it as MP3, OGG or FLAC, or cut it."
            )
        return file


class ImportedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    url = serializers.CharField(help_text="The call: its transcript, figures and verdicts follow.")


class ImportRecordingView(APIView):
    http_method_names = ("post", "options")
    parser_classes = (MultiPartParser, FormParser, JSONParser)

    @extend_schema(
        operation_id="import_recording",
        request={"multipart/form-data": ImportSerializer, "application/json": ImportSerializer},
        responses={201: ImportedSerializer},
        examples=[
            OpenApiExample(
                "A transcript alone",
                {
                    "agent": "burger_bot",
                    "transcript": {"turns": [{"side": "agent", "text": "Hello", "start": 0.9, "end": 1.6}]},
                },
                request_only=True,
            )
        ],
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key makes one call."
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Bring in a finished call. It is transcribed, measured and judged like a live one."""
        serializer = ImportSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        try:
            call = import_call(_material(serializer.validated_data, _key(request)))
        except CallRefused as refused:
            raise ValidationError({refused.field or "non_field_errors": [refused.message]}) from refused
        return _answer(call)


def _material(given: dict[str, Any], key: str | None) -> Material:
    return Material(
        agent_version=given["agent"].current_version,
        audio=given.get("audio"),
        recording_sid=given.get("recording_sid", ""),
        turns=given.get("transcript"),
        agent_is_left=given["agent_channel"] == "left",
        started_at=given.get("started_at"),
        idempotency_key=key,
    )


def _key(request: Request) -> str | None:
    """The key as stored: each user has keys of their own, and calls placed others than calls imported."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > MAX_KEY_CHARS:
        raise ValidationError({"Idempotency-Key": [f"At most {MAX_KEY_CHARS} characters."]})
    assert isinstance(request.user, User)
    return f"in:{request.user.pk}:{key}" if key else None


def _answer(call: Call) -> Response:
    url = reverse("api-call", args=[call.public_id])
    return Response({"id": call.public_id, "url": url}, status=status.HTTP_201_CREATED, headers={"Location": url})
