"""What a provider's failure on a call was, and what the call did about it, for a person to read."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ProviderNotice:
    capability: str
    provider: str
    message: str
    outcome: str

    @property
    def key(self) -> str:
        """The same for the same failure: a page shows it once."""
        return f"{zlib.crc32(repr(self).encode()):08x}"


def notices_of(failed: Iterable[Mapping[str, Any]]) -> list[ProviderNotice]:
    """From the data of events. Each kind once, in the order in which they came."""
    names = ("capability", "provider", "message", "outcome")
    return list(dict.fromkeys(ProviderNotice(*(str(data.get(name, "")) for name in names)) for data in failed))
