"""What is done to agents, personas and scenarios."""

from collections.abc import Mapping
from typing import Any, TypedDict, TypeVar, Unpack

from django.db import transaction
from django.utils import timezone

from agents.models import Agent, AgentVersion, Persona, Scenario

SAYS = (
    "prompt",
    "brain",
    "brain_options",
    "ears",
    "ears_options",
    "voice",
    "voice_options",
    "language",
)
# How an external agent is reached.
ADDRESS = ("address_kind", "address", "account_sid", "auth_token_env", "stream_parameters", "send_digits")
# The shortest of the models' name fields.
MAX_NAME_CHARS = 100
Archivable = TypeVar("Archivable", Agent, Persona, Scenario)


class Says(TypedDict, total=False):
    """What an agent says and how: the fields of a version."""

    prompt: str
    brain: str
    brain_options: dict[str, Any]
    ears: str
    ears_options: dict[str, Any]
    voice: str
    voice_options: dict[str, Any]
    language: str


@transaction.atomic
def create_agent(
    name: str,
    *,
    kind: str = Agent.Kind.HOSTED,
    description: str = "",
    phone_number: str = "",
    translate_to: str = "",
    **says: Unpack[Says],
) -> Agent:
    """A new agent with its first version."""
    agent = Agent.objects.create(
        name=name, kind=kind, description=description, phone_number=phone_number, translate_to=translate_to
    )
    AgentVersion.objects.create(agent=agent, number=1, **says)
    return agent


@transaction.atomic
def save_agent_version(agent: Agent, **says: Unpack[Says]) -> AgentVersion:
    """The agent's version that says this: the current one if it already does, else a new one.

    A field that is not given stays as it is in the current version.
    """
    # The lock orders two editors: each gets a number of its own.
    Agent.objects.select_for_update().get(pk=agent.pk)
    current = agent.current_version
    if current is None:
        return AgentVersion.objects.create(agent=agent, number=1, **says)
    before = {name: getattr(current, name) for name in SAYS}
    after = before | dict(says)
    if after == before:
        return current
    return AgentVersion.objects.create(agent=agent, number=current.number + 1, **after)


@transaction.atomic
def write_agent(agent: Agent | None, about: Mapping[str, Any], says: Says) -> Agent:
    """Creates or changes an agent as its form says: `about` are its own fields, `says` those of its version."""
    if agent is None:
        agent = Agent.objects.create(**about)
        AgentVersion.objects.create(agent=agent, number=1, **says)
        return agent
    for name, value in about.items():
        setattr(agent, name, value)
    agent.save()
    save_agent_version(agent, **says)
    return agent


@transaction.atomic
def duplicate_agent(agent: Agent) -> Agent:
    """A copy under a free name, with what the agent says now; without its number, which is one agent's only."""
    current = agent.current_version
    says = {name: getattr(current, name) for name in SAYS} if current else {}
    kept = ("kind", "description", *ADDRESS)
    values = {name: getattr(agent, name) for name in kept}
    copy = Agent.objects.create(name=_free_name(Agent, agent.name), **values)
    AgentVersion.objects.create(agent=copy, number=1, **says)
    return copy


def duplicate_persona(persona: Persona) -> Persona:
    """A copy under a free name, without the number."""
    return _duplicate(persona, phone_number="")


def duplicate_scenario(scenario: Scenario) -> Scenario:
    return _duplicate(scenario)


def archive(thing: Archivable) -> Archivable:
    """Takes it out of the lists. Calls keep it; nothing is deleted. Its number is free for another one."""
    thing.archived_at = thing.archived_at or timezone.now()
    fields = ["archived_at", "updated_at"]
    if not isinstance(thing, Scenario):
        thing.phone_number = ""
        fields.append("phone_number")
    thing.save(update_fields=fields)
    return thing


def restore(thing: Archivable) -> Archivable:
    thing.archived_at = None
    thing.save(update_fields=["archived_at", "updated_at"])
    return thing


def _duplicate(thing: Archivable, **changes: str) -> Archivable:
    model = type(thing)
    own = {"id", "public_id", "name", "created_at", "updated_at", "archived_at"}
    fields = [field.attname for field in model._meta.concrete_fields if field.attname not in own]
    values = {name: getattr(thing, name) for name in fields} | changes
    return model.objects.create(name=_free_name(model, thing.name), **values)


def _free_name(model: type[Agent | Persona | Scenario], name: str) -> str:
    """ "burger_bot (copy)", "burger_bot (copy 2)"…."""
    n = 1
    while True:
        end = " (copy)" if n == 1 else f" (copy {n})"
        free = name[: MAX_NAME_CHARS - len(end)] + end
        if not model._default_manager.filter(name=free).exists():
            return free
        n += 1
