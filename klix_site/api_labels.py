"""What people say of verdicts, over the REST API."""

from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from evaluations.labelling import label_verdict, remove_label
from evaluations.models import Label, Verdict
from evaluations.outcomes import Outcome
from klix_site.api_base import KEY_PARAMETER, KnownFilters, NewestFirst, Polled, Strict, create_once
from klix_site.api_filters import LabelFilters


class LabelSerializer(serializers.ModelSerializer[Label]):
    """`judged` is what the verdict itself says."""

    id = serializers.UUIDField(source="public_id")
    verdict = serializers.UUIDField(source="verdict.public_id")
    criterion = serializers.CharField(source="verdict.criterion.name")
    call = serializers.UUIDField(source="verdict.evaluation.call.public_id")
    person = serializers.CharField(source="person.username", default=None)
    judged = serializers.CharField(source="verdict.outcome")

    class Meta:
        model = Label
        fields = ("id", "verdict", "criterion", "call", "person", "outcome", "judged", "note", "updated_at")


class NewLabelSerializer(Strict):
    verdict = serializers.UUIDField()
    outcome = serializers.ChoiceField(
        [each.value for each in Outcome], required=False, default="", help_text="Without it: the person agrees."
    )
    note = serializers.CharField(max_length=500, required=False, default="", allow_blank=True)

    def validate_verdict(self, public_id: UUID) -> Verdict:
        verdict = Verdict.objects.select_related("evaluation").filter(public_id=public_id).first()
        if verdict is None:
            raise serializers.ValidationError("There is no such verdict.")
        return verdict


def _labels() -> QuerySet[Label]:
    return Label.objects.select_related("verdict__criterion", "verdict__evaluation__call", "person")


@extend_schema_view(get=extend_schema(operation_id="list_labels"))
class LabelList(Polled, ListAPIView[Label]):
    """What people say of verdicts, newest first. It overrides them."""

    queryset = _labels()
    serializer_class = LabelSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    filterset_class = LabelFilters

    @extend_schema(
        operation_id="label_verdict",
        request=NewLabelSerializer,
        responses={201: LabelSerializer, 200: LabelSerializer},
        parameters=[KEY_PARAMETER],
        examples=[
            OpenApiExample(
                "The judge is wrong",
                {"verdict": "0192f1c7-4a1c-7cc2-8f3e-1c2d3e4f5a6b", "outcome": "pass", "note": "It was said later."},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Say what a verdict should be. A person has one label a verdict: sent again, it is the same one (200)."""
        serializer = NewLabelSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return create_once(request, lambda: _label(request, serializer.validated_data))


def _label(request: Request, said: dict[str, Any]) -> Response:
    assert isinstance(request.user, User)
    label, is_new = label_verdict(said["verdict"], request.user, said["outcome"], said["note"])
    shown = LabelSerializer(_labels().get(pk=label.pk)).data
    return Response(shown, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class LabelDetail(APIView):
    @extend_schema(operation_id="remove_label", responses={204: None})
    def delete(self, request: Request, public_id: UUID) -> Response:
        """Take back one's own word."""
        label = get_object_or_404(_labels(), public_id=public_id, person=request.user)
        assert isinstance(request.user, User)
        remove_label(label.verdict, request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
