"""The Call resource: what REST shows of a leg."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from calls.sandbox.accounts import Account
from calls.sandbox.errors import Problem
from calls.states import TERMINAL, Status, may_move

API_VERSION: Final = "2010-04-01"
MAX_PROBLEMS: Final = 50


def new_sid(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


def rfc2822(moment: datetime | None) -> str | None:
    return None if moment is None else format_datetime(moment)


@dataclass(slots=True)
class CallRecord:
    account_sid: str
    to: str
    from_: str
    direction: str  # outbound-api, inbound
    created_at: datetime
    parent_sid: str = ""
    phone_number_sid: str = ""
    status: Status = Status.QUEUED
    answered_by: str = ""
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime | None = None
    account: Account | None = None  # None: the exchange's own
    sid: str = field(default_factory=lambda: new_sid("CA"))
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.status in TERMINAL

    @property
    def is_answered(self) -> bool:
        return self.status == Status.IN_PROGRESS

    def move(self, status: Status, now: datetime) -> bool:
        """False, and nothing changes, where the status may not be left for `status`."""
        if not may_move(self.status, status):
            return False
        self.status = status
        self.updated_at = now
        if status == Status.IN_PROGRESS:
            self.answered_at = now
        if status in TERMINAL:
            self.ended_at = now
        return True

    def note(self, problem: Problem) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    @property
    def duration_s(self) -> int:
        if self.answered_at is None or self.ended_at is None:
            return 0
        return round((self.ended_at - self.answered_at).total_seconds())

    @property
    def uri(self) -> str:
        return f"/{API_VERSION}/Accounts/{self.account_sid}/Calls/{self.sid}.json"

    def as_json(self) -> dict[str, object]:
        """Twilio's fields. Where the resource has no value (a price, a group), null as at Twilio."""
        return {
            "sid": self.sid,
            "account_sid": self.account_sid,
            "parent_call_sid": self.parent_sid or None,
            "phone_number_sid": self.phone_number_sid or None,
            "to": self.to,
            "to_formatted": self.to,
            "from": self.from_,
            "from_formatted": self.from_,
            "status": "queued" if self.status == Status.INITIATED else self.status.value,
            "direction": self.direction,
            "answered_by": self.answered_by or None,
            "duration": str(self.duration_s) if self.is_over else None,
            **self._dates(),
            **dict.fromkeys(("price", "forwarded_from", "group_sid", "caller_name", "trunk_sid")),
            "price_unit": "USD",
            "queue_time": "0",
            "api_version": API_VERSION,
            "uri": self.uri,
            "subresource_uris": {"notifications": self.uri.replace(".json", "/Notifications.json")},
        }

    def _dates(self) -> dict[str, str | None]:
        return {
            "date_created": rfc2822(self.created_at),
            "date_updated": rfc2822(self.updated_at or self.created_at),
            # As at Twilio: a call that was never answered starts and ends when it ended.
            "start_time": rfc2822(self.answered_at or self.ended_at),
            "end_time": rfc2822(self.ended_at),
        }
