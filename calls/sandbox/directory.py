"""The directory: who answers at which number. Kept in a JSON file when it is given one."""

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from calls.sandbox.record import API_VERSION, new_sid, rfc2822


class Behaviour(StrEnum):
    """What a fixed number does instead of asking an application."""

    SILENT = "silent"  # answers and plays nothing
    MACHINE = "machine"  # an answering machine: a greeting, a tone, then it records until it is hung up
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"


FIXED_NUMBERS: Final = {
    "+15550100900": Behaviour.SILENT,
    "+15550100901": Behaviour.BUSY,
    "+15550100902": Behaviour.NO_ANSWER,
    "+15550100903": Behaviour.FAILED,
    "+15550100904": Behaviour.MACHINE,
}


@dataclass(slots=True)
class Number:
    """An IncomingPhoneNumber."""

    phone_number: str
    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    friendly_name: str = ""
    sid: str = field(default_factory=lambda: new_sid("PN"))
    created_at: str = field(default_factory=lambda: str(rfc2822(datetime.now(UTC))))

    def as_json(self, account_sid: str) -> dict[str, object]:
        fields = asdict(self)
        created_at = fields.pop("created_at")
        return {
            **fields,
            "friendly_name": self.friendly_name or self.phone_number,
            "account_sid": account_sid,
            "api_version": API_VERSION,
            "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
            "voice_caller_id_lookup": False,
            "origin": "sandbox",
            "status": "in-use",
            "beta": False,
            "date_created": created_at,
            "date_updated": created_at,
            "uri": f"/{API_VERSION}/Accounts/{account_sid}/IncomingPhoneNumbers/{self.sid}.json",
        }


class Directory:
    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._numbers: dict[str, Number] = {number.sid: number for number in self._read()}

    def all(self) -> list[Number]:
        return list(self._numbers.values())

    def by_sid(self, sid: str) -> Number | None:
        return self._numbers.get(sid)

    def by_number(self, phone_number: str) -> Number | None:
        return next((each for each in self._numbers.values() if each.phone_number == phone_number), None)

    def save(self, number: Number) -> None:
        self._numbers[number.sid] = number
        self._write()

    def remove(self, sid: str) -> None:
        del self._numbers[sid]
        self._write()

    def _read(self) -> list[Number]:
        if self._path is None or not self._path.exists():
            return []
        try:
            return [Number(**entry) for entry in json.loads(self._path.read_text())]
        except (ValueError, TypeError) as error:
            raise ValueError(f"The directory {self._path} cannot be read ({error}): mend it or delete it.") from error

    def _write(self) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps([asdict(number) for number in self.all()], indent=1))
        new.replace(self._path)
