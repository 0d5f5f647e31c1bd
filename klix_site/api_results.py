"""What was found about calls, over the REST API: evaluations, asking for another one, verdicts."""

from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView, RetrieveAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.models import Call
from evaluations.models import Evaluation, Verdict
from evaluations.rescoring import score_again
from klix_site.api_base import KEY_PARAMETER, KnownFilters, LastFirst, NewestFirst, Polled, create_once
from klix_site.api_filters import EvaluationFilters, VerdictFilters
from klix_site.serializers import EvaluationDetailSerializer, EvaluationRowSerializer, VerdictRowSerializer


@extend_schema_view(get=extend_schema(operation_id="list_evaluations"))
class EvaluationList(Polled, ListAPIView[Evaluation]):
    """Evaluations, newest first."""

    queryset = Evaluation.objects.select_related("call")
    serializer_class = EvaluationRowSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    filterset_class = EvaluationFilters


@extend_schema_view(get=extend_schema(operation_id="get_evaluation"))
class EvaluationDetail(Polled, RetrieveAPIView[Evaluation]):
    """One evaluation with its figures and verdicts."""

    queryset = Evaluation.objects.select_related("call").prefetch_related("measurements", "verdicts")
    serializer_class = EvaluationDetailSerializer
    lookup_field = "public_id"


class CallEvaluate(APIView):
    @extend_schema(
        operation_id="evaluate_call",
        request=None,
        responses={202: EvaluationRowSerializer},
        parameters=[KEY_PARAMETER],
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        """Score a call again: a new evaluation beside the older ones, or the one that is under way."""
        call = get_object_or_404(Call, public_id=public_id)
        return create_once(request, lambda: self._ask(call))

    def _ask(self, call: Call) -> Response:
        evaluation = score_again(call)
        if evaluation is None:
            raise ValidationError({"non_field_errors": ["Nothing was said on this call: there is nothing to score."]})
        shown = EvaluationRowSerializer(evaluation).data
        return Response(shown, status=status.HTTP_202_ACCEPTED, headers={"Location": shown["url"]})


@extend_schema_view(get=extend_schema(operation_id="list_verdicts"))
class VerdictList(Polled, ListAPIView[Verdict]):
    """Verdicts, newest first."""

    serializer_class = VerdictRowSerializer
    pagination_class = LastFirst
    filter_backends = (KnownFilters,)
    filterset_class = VerdictFilters

    def get_queryset(self) -> QuerySet[Verdict]:
        return Verdict.objects.select_related("evaluation__call__agent", "criterion")
