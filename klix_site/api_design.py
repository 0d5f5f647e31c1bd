"""The test design over the REST API: agents, personas, scenarios, criteria and suites.

A list's POST takes a definition by its name: it makes the one of that name, or makes it say what is sent. Each is also
read, changed in parts and archived by its id.
"""

from typing import Any, ClassVar, Final

from django.db import IntegrityError, transaction
from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.generics import GenericAPIView, ListAPIView, RetrieveUpdateDestroyAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from agents import services
from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.serializers import AgentSerializer, AgentVersionSerializer, agents_with_versions
from evaluations.models import Criterion
from evaluations.run_models import Suite
from evaluations.serializers import CriterionSerializer, PersonaSerializer, ScenarioSerializer, SuiteSerializer
from klix_site.api_base import KEY_PARAMETER, ByName, KnownFilters, NewestNumberFirst, Polled, create_once
from klix_site.api_filters import DesignFilters

ARCHIVED: Final = "It is archived. POST it to its list by its name to bring it back."


class Definition(Polled, GenericAPIView[Any]):
    """What a list of definitions and one of them have in common."""

    model: ClassVar[type[Model]]
    route: ClassVar[str]

    def get_queryset(self) -> QuerySet[Any]:
        return self.model._default_manager.all()


class Agents(Definition):
    model, route, serializer_class = Agent, "api-agent", AgentSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return agents_with_versions()


class Personas(Definition):
    model, route, serializer_class = Persona, "api-persona", PersonaSerializer


class Scenarios(Definition):
    model, route, serializer_class = Scenario, "api-scenario", ScenarioSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return Scenario.objects.select_related("persona")


class Criteria(Definition):
    model, route, serializer_class = Criterion, "api-criterion", CriterionSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return Criterion.objects.select_related("condition").prefetch_related("agents", "scenarios")


class Suites(Definition):
    model, route, serializer_class = Suite, "api-suite", SuiteSerializer

    def get_queryset(self) -> QuerySet[Any]:
        return Suite.objects.prefetch_related("scenarios", "personas", "criteria")


# --- Lists ------------------------------------------------------------------------------------------------------------
class DesignList(Definition, ListAPIView[Any]):
    pagination_class = ByName
    filter_backends = (KnownFilters,)
    filterset_class = DesignFilters

    def post(self, request: Request) -> Response:
        """Make it, or make the one of this name say what is sent. 200: it was there."""
        return create_once(request, lambda: self._write(request.data))

    def _write(self, sent: Any) -> Response:
        name = sent.get("name") if isinstance(sent, dict) else None
        existing = _named(self.get_queryset(), name)
        serializer = self.get_serializer(existing, data=sent)
        serializer.is_valid(raise_exception=True)
        saved = _saved(serializer, archived_at=None) if existing else _saved(serializer)
        where = {"Location": reverse(self.route, args=[saved.public_id])}
        code = status.HTTP_200_OK if existing else status.HTTP_201_CREATED
        return Response(serializer.data, code, headers=where)


def _named(found: QuerySet[Any], name: object) -> Any:
    return found.filter(name=name.replace("\x00", "")).first() if isinstance(name, str) else None


def _saved(serializer: BaseSerializer[Any], **more: Any) -> Any:
    """Raises ValidationError where another request took a name or number in between."""
    try:
        with transaction.atomic():
            return serializer.save(**more)
    except IntegrityError as error:
        told = "Another one has this name or number. Choose another."
        raise ValidationError({"non_field_errors": [told]}) from error


def posted(kind: type[BaseSerializer[Any]], operation: str, example: dict[str, Any]) -> Any:
    """The documentation of a list: its GET and its POST."""
    listed = extend_schema(operation_id=f"list_{operation}")
    made = extend_schema(
        operation_id=f"write_{operation}",
        responses={200: kind, 201: kind},
        parameters=[KEY_PARAMETER],
        examples=[OpenApiExample("One", example, request_only=True)],
    )
    return extend_schema_view(get=listed, post=made)


@posted(AgentSerializer, "agents", {"name": "burger_bot", "prompt": "Take the order.", "brain": "responses"})
class AgentList(Agents, DesignList):
    """Agents, by name."""


@posted(PersonaSerializer, "personas", {"name": "Hurried caller", "manner": "In a hurry.", "voice": "hibari:heart"})
class PersonaList(Personas, DesignList):
    """Personas, by name."""


@posted(ScenarioSerializer, "scenarios", {"name": "Books a table", "persona": "Hurried caller", "facts": {"party": 5}})
class ScenarioList(Scenarios, DesignList):
    """Scenarios, by name."""


@posted(CriterionSerializer, "criteria", {"name": "Says goodbye", "kind": "phrase", "config": {"phrase": "goodbye"}})
class CriterionList(Criteria, DesignList):
    """Criteria, by name."""


@posted(SuiteSerializer, "suites", {"name": "Smoke", "scenarios": ["Books a table"], "repeats": 3})
class SuiteList(Suites, DesignList):
    """Suites, by name."""


# --- One of them ------------------------------------------------------------------------------------------------------
class DesignDetail(Definition, RetrieveUpdateDestroyAPIView[Any]):
    lookup_field = "public_id"
    http_method_names = ["get", "patch", "delete", "head", "options"]

    def perform_update(self, serializer: BaseSerializer[Any]) -> None:
        kept: Any = serializer.instance
        if kept.archived_at is not None:
            raise ValidationError({"non_field_errors": [ARCHIVED]})
        _saved(serializer)

    def perform_destroy(self, instance: Any) -> None:
        """What calls and runs were made with is kept: it only leaves the lists."""
        if self.model in (Agent, Persona, Scenario):
            services.archive(instance)
        else:
            instance.archived_at = instance.archived_at or timezone.now()
            instance.save(update_fields=["archived_at", "updated_at"])


def documented(one: str, article: str = "a") -> Any:
    """The documentation of one definition: its GET, PATCH and DELETE."""
    return extend_schema_view(
        get=extend_schema(operation_id=f"get_{one}", description=f"One {one}."),
        patch=extend_schema(operation_id=f"change_{one}", description="Change what is sent; the rest stays."),
        delete=extend_schema(
            operation_id=f"archive_{one}",
            description=f"Archive {article} {one}: it leaves the lists; what was made with it is kept.",
        ),
    )


@documented("agent", "an")
class AgentDetail(Agents, DesignDetail):
    pass


@documented("persona")
class PersonaDetail(Personas, DesignDetail):
    pass


@documented("scenario")
class ScenarioDetail(Scenarios, DesignDetail):
    pass


@documented("criterion")
class CriterionDetail(Criteria, DesignDetail):
    pass


@documented("suite")
class SuiteDetail(Suites, DesignDetail):
    pass


@extend_schema_view(get=extend_schema(operation_id="list_agent_versions"))
class AgentVersions(Polled, ListAPIView[AgentVersion]):
    """What an agent said at each time, newest first."""

    serializer_class = AgentVersionSerializer
    pagination_class = NewestNumberFirst
    filter_backends = (KnownFilters,)

    def get_queryset(self) -> QuerySet[AgentVersion]:
        if getattr(self, "swagger_fake_view", False):
            return AgentVersion.objects.none()
        agent = get_object_or_404(Agent, public_id=self.kwargs["public_id"])
        return AgentVersion.objects.filter(agent=agent)
