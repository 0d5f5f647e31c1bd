"""What is known of agents, personas and scenarios, and of the providers they may name."""

from django.db.models import Prefetch, QuerySet

from agents.models import Agent, AgentVersion, Persona, Scenario
from agents.providers.registry import BRAINS, EARS, SPEECH_BRAINS, VOICES

Choices = list[tuple[str, str]]


def active_agents() -> QuerySet[Agent]:
    """With their versions, the newest first, at `agent.versions.all()`."""
    versions = Prefetch("versions", AgentVersion.objects.order_by("-number"))
    return Agent.objects.filter(archived_at=None).prefetch_related(versions)


def hosted_agents() -> QuerySet[Agent]:
    return active_agents().filter(kind=Agent.Kind.HOSTED)


def archived_agents() -> QuerySet[Agent]:
    return Agent.objects.exclude(archived_at=None)


def active_personas() -> QuerySet[Persona]:
    return Persona.objects.filter(archived_at=None)


def active_scenarios() -> QuerySet[Scenario]:
    return Scenario.objects.filter(archived_at=None).select_related("persona")


def agent_at(phone_number: str) -> Agent | None:
    """The hosted agent that answers calls to this number."""
    return hosted_agents().filter(phone_number=phone_number).first() if phone_number else None


def persona_at(phone_number: str) -> Persona | None:
    """The persona that answers at this number."""
    return active_personas().filter(phone_number=phone_number).first() if phone_number else None


def agent_versions(agent: Agent) -> QuerySet[AgentVersion]:
    return AgentVersion.objects.filter(agent=agent).order_by("-number")


def brain_choices() -> Choices:
    found = [(entry.name, entry.label) for entry in BRAINS.all()]
    return found + [(entry.name, entry.label) for entry in SPEECH_BRAINS.all()]


def ears_choices() -> Choices:
    return [(entry.name, entry.label) for entry in EARS.all()]


def voice_choices() -> Choices:
    """ "provider:voice" for each voice that a provider names, else the provider alone."""
    choices: Choices = []
    for entry in VOICES.all():
        choices += [(f"{entry.name}:{voice}", f"{entry.label}: {voice}") for voice in entry.voices]
        choices += [] if entry.voices else [(entry.name, entry.label)]
    return choices
