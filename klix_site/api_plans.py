"""What runs by itself and who is told of it, over the REST API: schedules, alert rules, alerts."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveUpdateDestroyAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from evaluations.plan_serializers import AlertRuleSerializer, AlertSerializer, ScheduleSerializer
from evaluations.run_models import Alert, AlertRule, Schedule
from klix_site.api_base import KEY_PARAMETER, KnownFilters, NewestFirst, Polled, create_once
from klix_site.api_filters import AlertFilters, AlertRuleFilters, ScheduleFilters


class PlanList(Polled, ListAPIView[Any]):
    """Newest first; a POST makes one."""

    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    route: ClassVar[str]

    def post(self, request: Request) -> Response:
        return create_once(request, lambda: self._make(request))

    def _make(self, request: Request) -> Response:
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        made = serializer.save()
        where = {"Location": reverse(self.route, args=[made.public_id])}
        return Response(serializer.data, status.HTTP_201_CREATED, headers=where)


class PlanDetail(Polled, RetrieveUpdateDestroyAPIView[Any]):
    lookup_field = "public_id"
    http_method_names = ["get", "patch", "delete", "head", "options"]


def listed(name: str, serializer: Any, told: str, title: str, example: dict[str, Any]) -> Any:
    """The documentation of a list: its GET and its POST."""
    made = extend_schema(
        operation_id=f"create_{name}",
        description=told,
        responses={201: serializer},
        parameters=[KEY_PARAMETER],
        examples=[OpenApiExample(title, example, request_only=True)],
    )
    return extend_schema_view(get=extend_schema(operation_id=f"list_{name}s"), post=made)


def documented(name: str, one: str, gone: str) -> Any:
    """The documentation of one: its GET, PATCH and DELETE."""
    return extend_schema_view(
        get=extend_schema(operation_id=f"get_{name}", description=f"One {one}."),
        patch=extend_schema(operation_id=f"change_{name}", description="Change what is sent; the rest stays."),
        delete=extend_schema(operation_id=f"delete_{name}", description=f"Delete it. {gone}"),
    )


# --- Schedules --------------------------------------------------------------------------------------------------------
class Schedules(GenericAPIView[Schedule]):
    queryset = Schedule.objects.select_related("suite", "agent")
    serializer_class = ScheduleSerializer


@listed(
    "schedule",
    ScheduleSerializer,
    "Run a suite by itself at the times of a cron line, in the site's time zone. Its calls cost money where telephony "
    "is Twilio.",
    "On workdays at six",
    {"suite": "Smoke", "agent": "burger_bot", "cron": "0 6 * * 1-5", "max_cost": "5"},
)
class ScheduleList(Schedules, PlanList):
    """Schedules, newest first."""

    filterset_class = ScheduleFilters
    route = "api-schedule"


@documented("schedule", "schedule", "Its runs are kept.")
class ScheduleDetail(Schedules, PlanDetail):
    pass


# --- Alerts -----------------------------------------------------------------------------------------------------------
class AlertRules(GenericAPIView[AlertRule]):
    queryset = AlertRule.objects.select_related("suite", "agent")
    serializer_class = AlertRuleSerializer


@listed(
    "alert_rule",
    AlertRuleSerializer,
    "Tell somebody when a run meets a condition.",
    "Less than 90 % twice in a row",
    {
        "name": "Smoke fails",
        "suite": "Smoke",
        "condition": "pass rate",
        "threshold": 0.9,
        "occurrences": 2,
        "channel": "webhook",
        "target": "https://example.com/klix",
    },
)
class AlertRuleList(AlertRules, PlanList):
    """Alert rules, newest first. Where they send to is not told."""

    filterset_class = AlertRuleFilters
    route = "api-alert-rule"


@documented("alert_rule", "alert rule", "Its alerts go with it.")
class AlertRuleDetail(AlertRules, PlanDetail):
    pass


@extend_schema_view(get=extend_schema(operation_id="list_alerts"))
class AlertList(Polled, ListAPIView[Alert]):
    """What rules told of runs, newest first, and whether it could be sent."""

    queryset: QuerySet[Alert] = Alert.objects.select_related("rule", "run")
    serializer_class = AlertSerializer
    pagination_class = NewestFirst
    filter_backends = (KnownFilters,)
    filterset_class = AlertFilters
