"""What every OpenAI adapter knows: where to ask, for which model, and how long a live turn waits."""

from dataclasses import dataclass
from typing import Final, Self

from openai import AsyncOpenAI

from agents.ports import OnUsage
from agents.providers.metering import Meter
from agents.providers.openai_client import client_for
from agents.providers.openai_options import Endpoint, Options, read_endpoint, read_number, read_text
from agents.providers.registry import Option

LIVE_TIMEOUT_S = 6.0
# Of every provider on a server.
SERVER_OPTIONS: Final = (
    Option("model", "name of the model", "the site's"),
    Option("base_url", "another server, like http://127.0.0.1:8000/v1; the site's key is not sent there", "the site's"),
    Option("api_key_env", "name of the environment variable with that server's key: KLIX_KEY_…", "no key"),
    Option("timeout_s", "longest wait for each request, and for each gap in a stream", f"{LIVE_TIMEOUT_S:g}"),
    Option("attempts", "how often a request is sent that may be sent again", "2"),
)


@dataclass(frozen=True, slots=True)
class Served:
    """One capability at one endpoint. `timeout_s` bounds each request and each gap inside a stream."""

    provider: str
    capability: str
    endpoint: Endpoint
    model: str
    timeout_s: float
    attempts: int
    on_usage: OnUsage | None = None

    @classmethod
    def read(
        cls,
        options: Options,
        *,
        provider: str,
        capability: str,
        model: str,
        on_usage: OnUsage | None = None,
        timeout_s: float = LIVE_TIMEOUT_S,
    ) -> Self:
        """From the options `base_url`, `api_key`, `model`, `timeout_s` and `attempts`. Raises Misconfigured."""
        return cls(
            provider=provider,
            capability=capability,
            endpoint=read_endpoint(options),
            model=read_text(options, "model", model),
            timeout_s=read_number(options, "timeout_s", timeout_s, at_least=0.01),
            attempts=int(read_number(options, "attempts", 2, at_least=1)),
            on_usage=on_usage,
        )

    def client(self) -> AsyncOpenAI:
        return client_for(self.endpoint)

    def meter(self, model: str = "") -> Meter:
        return Meter(self.on_usage, capability=self.capability, provider=self.provider, model=model or self.model)
