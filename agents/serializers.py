"""How the API takes and shows agents, and what all definitions have in common."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Exists, Model, OuterRef, Prefetch, QuerySet
from rest_framework import serializers

from agents import services
from agents.forms import AgentForm
from agents.models import MAX_PROMPT_CHARS, Agent, AgentVersion
from agents.secrets import masked, unmasked

M = TypeVar("M", bound=Model)


class Strict(serializers.ModelSerializer[M]):
    """A misspelt field is said at once, not dropped; text that no database takes is refused at any depth."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refuse_unknown(data, list(self.fields), [name for name, each in self.fields.items() if not each.read_only])
            if bad := sorted(name for name, value in data.items() if not is_storable(value)):
                told = "Null characters and halves of characters are not allowed."
                raise serializers.ValidationError({str(name): [told] for name in bad})
        return super().to_internal_value(data)


def refuse_unknown(data: Mapping[str, Any], fields: list[str], told: list[str]) -> None:
    if unknown := sorted(set(map(str, data)) - set(fields)):
        known = ", ".join(told)
        raise serializers.ValidationError({name: [f"Unknown field. Known: {known}."] for name in unknown})


def is_storable(value: Any) -> bool:
    """Whether a database takes every text in this JSON."""
    if isinstance(value, str):
        return "\x00" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)
    if isinstance(value, Mapping):
        return all(is_storable(name) and is_storable(inner) for name, inner in value.items())
    return all(map(is_storable, value)) if isinstance(value, list) else True


class OptionsField(serializers.DictField):
    """A provider's options. Secrets in them are shown as "(hidden)"; sent back so, they stay what they were."""

    def to_representation(self, value: Any) -> Any:
        return masked(super().to_representation(value))


class AgentVersionSerializer(serializers.ModelSerializer[AgentVersion]):
    """What an agent said and how, at one time."""

    id = serializers.UUIDField(source="public_id")
    brain_options = OptionsField()
    ears_options = OptionsField()
    voice_options = OptionsField()

    class Meta:
        model = AgentVersion
        fields = ("id", "number", *services.SAYS, "created_at")


def agents_with_versions() -> QuerySet[Agent]:
    """Each with its current version at `agent.versions.all()`: two queries whatever their number."""
    newer = AgentVersion.objects.filter(agent=OuterRef("agent"), number__gt=OuterRef("number"))
    return Agent.objects.prefetch_related(Prefetch("versions", AgentVersion.objects.filter(~Exists(newer))))


class AgentSerializer(Strict[Agent]):
    """An agent and what it says now. A change of what it says (prompt, brain, ears, voice, language) makes a new
    version; calls keep the version that they used."""

    id = serializers.UUIDField(source="public_id", read_only=True)
    # That the name exists already is no error of a POST: it tells which agent is meant.
    name = serializers.CharField(max_length=100)
    phone_number = serializers.CharField(max_length=16, required=False, allow_blank=True, help_text="+14155550123")
    stream_parameters = serializers.DictField(required=False)
    version = serializers.SerializerMethodField()
    prompt = serializers.CharField(
        max_length=MAX_PROMPT_CHARS, required=False, allow_blank=True, trim_whitespace=False, source="now.prompt"
    )
    brain = serializers.CharField(
        max_length=40, required=False, allow_blank=True, source="now.brain", help_text="A new one has the site's."
    )
    brain_options = OptionsField(required=False, source="now.brain_options")
    ears = serializers.CharField(max_length=40, required=False, allow_blank=True, source="now.ears")
    ears_options = OptionsField(required=False, source="now.ears_options")
    voice = serializers.CharField(max_length=80, required=False, allow_blank=True, source="now.voice")
    voice_options = OptionsField(required=False, source="now.voice_options")
    language = serializers.CharField(max_length=12, required=False, allow_blank=True, source="now.language")

    class Meta:
        model = Agent
        fields = (
            "id",
            "name",
            "kind",
            "description",
            "phone_number",
            "translate_to",
            *services.ADDRESS,
            "version",
            *services.SAYS,
        )

    def get_version(self, agent: Agent) -> int | None:
        """The number of the current version."""
        now = current(agent)
        return now.number if now else None

    def to_representation(self, instance: Agent) -> Any:
        instance.now = current(instance)  # type: ignore[attr-defined]  # where the fields of the version come from
        return super().to_representation(instance)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """By the rules of the page's form."""
        before = self._before()
        given = {name: value for name, value in attrs.items() if name != "now"} | attrs.get("now", {})
        for name in ("brain_options", "ears_options", "voice_options"):
            if name in given:
                given[name] = unmasked(given[name], before.get(name))
        self._form = AgentForm(before | given, instance=self.instance)
        if not self._form.is_valid():
            raise serializers.ValidationError(
                {
                    "non_field_errors" if name == "__all__" else name: [str(reason) for reason in reasons]
                    for name, reasons in self._form.errors.items()
                }
            )
        return attrs

    def _before(self) -> dict[str, Any]:
        agent = self.instance
        if not isinstance(agent, Agent):
            return {"kind": Agent.Kind.HOSTED, "language": "en", "brain": settings.DEFAULT_BRAIN}
        now = current(agent)
        says = {name: getattr(now, name) for name in services.SAYS} if now else {}
        return {name: getattr(agent, name) for name in AgentForm.Meta.fields} | says

    def save(self, **kwargs: Any) -> Agent:
        """Raises nothing that `is_valid` did not tell. `archived_at`: as given."""
        agent = self._form.save()
        if "archived_at" in kwargs and agent.archived_at != kwargs["archived_at"]:
            agent = services.restore(agent)
        self.instance = Agent.objects.get(pk=agent.pk)
        return self.instance


def current(agent: Agent) -> AgentVersion | None:
    if "versions" in getattr(agent, "_prefetched_objects_cache", {}):
        return next(iter(agent.versions.all()), None)
    return agent.current_version
