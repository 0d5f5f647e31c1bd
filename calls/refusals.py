"""Why a call was not placed or not changed."""

from calls.models import Call


class CallRefused(Exception):
    """The call cannot be placed as asked; `field` names what to change."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class TelephonyFailed(Exception):
    """The exchange did not take the call. `call` is kept, failed, with the reason."""

    def __init__(self, message: str, code: str, call: Call) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.call = call
