"""What can go wrong with a provider.

ProviderError                 the base; `retryable` says whether the same request may be sent again
├── Unreachable               no connection, or it broke before an answer began            retryable
├── TimedOut                  no answer within the time a live turn allows                 retryable
├── Overloaded                429 or 5xx: try again, after `retry_after_s` where given     retryable
├── CutShort                  an answer began and did not end                              final
├── Malformed                 an answer that is not what the provider's interface promises final
├── Refused                   the model declined to answer                                 final
├── QuotaExhausted            the account has nothing left                                 final
└── Misconfigured             a wrong key, model, voice or setting; a closed interface     final
"""

from typing import ClassVar


class ProviderError(Exception):
    """A provider failed. `message` is for a person: what happened and what to do; it holds no key and no transcript."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, provider: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.retry_after_s = retry_after_s


class Unreachable(ProviderError):
    retryable = True


class TimedOut(ProviderError):
    retryable = True


class Overloaded(ProviderError):
    retryable = True


class CutShort(ProviderError):
    """A stream ended before its last event; what came before it may already have been spoken."""


class Malformed(ProviderError):
    pass


class Refused(ProviderError):
    pass


class QuotaExhausted(ProviderError):
    pass


class Misconfigured(ProviderError):
    pass
