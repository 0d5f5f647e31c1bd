"""Accounts at the exchange: its own, and those of applications that are called with an account of their own."""

from dataclasses import dataclass
from typing import Final

MAX_GUESTS: Final = 1000


@dataclass(frozen=True, slots=True)
class Account:
    """`token` signs what the exchange asks of the account's applications, and admits their REST requests."""

    sid: str
    token: str


class Accounts:
    """The exchange's own account, which may do everything, and guests, which may see and change their own calls."""

    def __init__(self, own: Account) -> None:
        self.own = own
        self._guests: dict[Account, None] = {}

    def admit(self, account: Account) -> None:
        """A guest from now on; of too many, the first to come is forgotten."""
        if account == self.own:
            return
        self._guests[account] = None
        if len(self._guests) > MAX_GUESTS:
            del self._guests[next(iter(self._guests))]

    def guests(self) -> list[Account]:
        return list(self._guests)
