"""An agent given by name and prompt: found or made, with a version that says the prompt."""

from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError, transaction

from agents.models import Agent, AgentVersion
from agents.services import Says, create_agent, save_agent_version

LISTENER: Final[dict[str, Any]] = {"script": "listener"}
NO_MODEL: Final = (
    "No language model is configured, so the prompt was not followed: a fixed listener script spoke. "
    "Set OPENAI_API_KEY, or KLIX_BRAIN and a server for it (docs/settings.md)."
)
SCRIPTED: Final = "This agent plays a fixed script, so the prompt was not followed. Give the agent another brain."


class NotCallable(Exception):
    """This name belongs to an agent that cannot make a call for us."""


@dataclass(frozen=True, slots=True)
class Prompted:
    version: AgentVersion
    # What a reader of the call should know; "" if the prompt is followed.
    notice: str


def agent_with_prompt(name: str, prompt: str) -> Prompted:
    """Raises NotCallable, with what to do."""
    agent = Agent.objects.filter(name=name).first() or _new_agent(name, prompt)
    if agent.kind == Agent.Kind.EXTERNAL:
        raise NotCallable(f"{name} is an external agent: Klix can call it, but cannot make it call.")
    if agent.archived_at is not None:
        raise NotCallable(f"{name} is archived. Restore it, or choose another name.")
    version = save_agent_version(agent, **_says(prompt, agent.current_version))
    return Prompted(version, notice_for(version))


def notice_for(version: AgentVersion) -> str:
    if version.brain != "script":
        return ""
    return NO_MODEL if version.brain_options == LISTENER else SCRIPTED


def _new_agent(name: str, prompt: str) -> Agent:
    try:
        with transaction.atomic():
            return create_agent(name, **_says(prompt, None))
    except IntegrityError:
        # Another request made it a moment ago.
        return Agent.objects.get(name=name)


def _says(prompt: str, current: AgentVersion | None) -> Says:
    """The prompt, and the site's brain for an agent that has none of its own: a new one, or one that had to make do
    with the listener script."""
    if current is not None and notice_for(current) != NO_MODEL:
        return {"prompt": prompt}
    if settings.DEFAULT_BRAIN == "script":
        return {"prompt": prompt, "brain": "script", "brain_options": LISTENER}
    return {"prompt": prompt, "brain": settings.DEFAULT_BRAIN, "brain_options": {}}
