"""Call statuses, in Twilio's words, and the legal moves between them."""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"


TERMINAL: Final = frozenset({Status.COMPLETED, Status.BUSY, Status.FAILED, Status.NO_ANSWER, Status.CANCELED})
LIVE: Final = frozenset(Status) - TERMINAL

# How far a call has come; a status callback may skip steps or arrive late, but never moves a call back.
_ORDER: Final = {Status.QUEUED: 0, Status.INITIATED: 1, Status.RINGING: 2, Status.IN_PROGRESS: 3}


def may_move(old: Status, new: Status) -> bool:
    """Whether a call in `old` may become `new`: forward only, and a terminal status is never left."""
    if old in TERMINAL:
        return False
    return new in TERMINAL or _ORDER[new] > _ORDER[old]


def may_become(new: Status) -> frozenset[Status]:
    """The statuses from which `new` may be reached: the condition of a conditional update."""
    return frozenset(old for old in Status if may_move(old, new))


class Side(StrEnum):
    """Who speaks. Left channel = caller (plays the customer), right = agent (is under test)."""

    CALLER = "caller"
    AGENT = "agent"

    @property
    def other(self) -> "Side":
        return Side.AGENT if self is Side.CALLER else Side.CALLER


class Ending(StrEnum):
    """How a call's conversation came to its end."""

    AGENT_HUNG_UP = "agent-hung-up"
    CALLER_HUNG_UP = "caller-hung-up"
    OPERATOR_HUNG_UP = "operator-hung-up"
    TAKEN_OVER = "taken-over"  # a person's telephone was connected in our place
    SILENCE = "silence"
    MAX_DURATION = "max-duration"
    CONNECTION_LOST = "connection-lost"
    PROVIDER_FAILED = "provider-failed"
    VOICEMAIL = "voicemail"  # a machine answered; a message was left, or nothing
    NOT_CONNECTED = "not-connected"
    ABANDONED = "abandoned"  # the web process died during the call; the sweep closed it
