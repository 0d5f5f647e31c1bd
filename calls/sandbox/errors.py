"""What can go wrong on the exchange, with Twilio's error numbers."""

from dataclasses import dataclass
from typing import Final

STREAM_REFUSED: Final = 31920


@dataclass(frozen=True, slots=True)
class Problem:
    """A note on a call, as in Twilio's debugger. `is_fatal`: it ended the call."""

    code: int
    message: str
    is_fatal: bool = False


class CallFailed(Exception):
    """The call cannot go on."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, is_fatal=True)


class RestError(Exception):
    """A request that the REST API refuses; becomes Twilio's error body."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    @property
    def body(self) -> dict[str, object]:
        more_info = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": more_info, "status": self.status}


def not_found(path: str) -> RestError:
    return RestError(404, 20404, f"The requested resource {path} was not found")


def unsupported(name: str) -> RestError:
    return RestError(400, 20001, f"The sandbox does not implement the parameter {name!r}: leave it out.")
