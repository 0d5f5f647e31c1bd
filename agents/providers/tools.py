"""The functions an agent declares: each answers with a canned value or by a webhook.

    {"name": "find_order", "description": "…", "parameters": {JSON schema}, "answer": {"status": "shipped"}}
    {"name": "find_order", "description": "…", "parameters": {JSON schema}, "url": "https://…", "timeout_s": 5}

A webhook gets `{"name", "arguments"}` as a JSON POST. Its address must be a public one, so that nobody who may edit an
agent can reach into the network of this machine; the site may allow private ones. Redirects are not followed.
"""

import asyncio
import ipaddress
import json
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from agents.errors import Misconfigured
from agents.providers.json_schema import schema_problem
from agents.providers.openai_options import read_number, read_text

HANG_UP: Final = "hang_up"
MAX_TOOLS: Final = 64
MAX_OUTPUT_BYTES: Final = 16_384
DEFAULT_TIMEOUT_S: Final = 5.0
NAME_PATTERN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_ANSWER: Final = object()
PRIVATE: Final = "The function's address is not a public one; the site does not allow that."


@dataclass(frozen=True, slots=True)
class Tool:
    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object", "properties": {}})
    answer: Any = NO_ANSWER
    url: str = ""
    timeout_s: float = DEFAULT_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Result:
    output: str  # what the model reads
    ok: bool
    took_ms: float


HANG_UP_TOOL: Final = Tool(
    HANG_UP,
    "End the phone call. Say goodbye first, in the same reply; nothing can be said after it.",
    {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why the call ends, in a few words."}},
        "required": ["reason"],
        "additionalProperties": False,
    },
    answer="The call ends now.",
)


# --- Declaration ------------------------------------------------------------------------------------------------------
def read_tools(declared: object) -> tuple[Tool, ...]:
    """The option `tools`. Raises Misconfigured with which one is wrong and why."""
    if declared is None:
        return ()
    if not isinstance(declared, Sequence) or isinstance(declared, str) or len(declared) > MAX_TOOLS:
        raise Misconfigured(f"Option 'tools' must be a list of at most {MAX_TOOLS} functions.")
    tools = tuple(_read_tool(tool) for tool in declared)
    names = [tool.name for tool in tools]
    for name in names:
        if name == HANG_UP or names.count(name) > 1:
            raise Misconfigured(f"Two functions are named {name!r} (hang_up is built in).")
    return tools


def _read_tool(declared: object) -> Tool:
    if not isinstance(declared, Mapping):
        raise Misconfigured("Each of 'tools' must be an object with a name.")
    name = read_text(declared, "name")
    if not NAME_PATTERN.fullmatch(name):
        raise Misconfigured(f"Function name {name!r}: use 1 to 64 letters, digits, _ or -.")
    parameters = declared.get("parameters") or {"type": "object", "properties": {}}
    if not isinstance(parameters, Mapping) or parameters.get("type") != "object":
        raise Misconfigured(f"Function {name}: 'parameters' must be a JSON schema of type object.")
    if problem := schema_problem(parameters):
        raise Misconfigured(f"Function {name}: {problem}")
    url = read_text(declared, "url")
    if bool(url) == ("answer" in declared):
        raise Misconfigured(f"Function {name} needs either an 'answer' or a 'url'.")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        raise Misconfigured(f"Function {name}: 'url' must begin with http:// or https://.")
    timeout_s = read_number(declared, "timeout_s", DEFAULT_TIMEOUT_S, at_least=0.01)
    description = read_text(declared, "description")
    return Tool(name, description, dict(parameters), declared.get("answer", NO_ANSWER), url, min(timeout_s, 30.0))


# --- Use --------------------------------------------------------------------------------------------------------------
class Toolbox:
    """The functions of one side of one call."""

    def __init__(self, tools: Sequence[Tool], *, allow_private: bool = False) -> None:
        self.tools = {tool.name: tool for tool in tools}
        self._allow_private = allow_private
        self._http: aiohttp.ClientSession | None = None

    async def call(self, name: str, arguments: str) -> Result:
        """Never raises: what goes wrong is told to the model, which can say so, and to the call's events."""
        started = time.perf_counter()
        output, ok = await self._answer(name, arguments)
        return Result(output, ok, 1000 * (time.perf_counter() - started))

    async def _answer(self, name: str, arguments: str) -> tuple[str, bool]:
        tool = self.tools.get(name)
        if tool is None:
            return f"There is no function named {name}.", False
        parsed = parse_arguments(arguments)
        if parsed is None:
            return "The arguments are not a JSON object.", False
        if not tool.url:
            return (tool.answer if isinstance(tool.answer, str) else json.dumps(tool.answer)), True
        try:
            async with asyncio.timeout(tool.timeout_s):
                return await self._post(tool, parsed)
        except TimeoutError:
            return f"The function gave no answer within {tool.timeout_s:g} s.", False
        except (aiohttp.ClientError, OSError) as error:
            private = isinstance(error, PrivateAddress) or isinstance(error.__cause__, PrivateAddress)
            return (PRIVATE if private else "The function cannot be reached."), False
        except UnicodeDecodeError:
            return "The function's answer is not text.", False

    async def _post(self, tool: Tool, arguments: dict[str, Any]) -> tuple[str, bool]:
        host = urlsplit(tool.url).hostname or ""
        if not self._allow_private and is_private(host):
            raise PrivateAddress
        body = {"name": tool.name, "arguments": arguments}
        async with self._session().post(tool.url, json=body, allow_redirects=False) as response:
            output = (await response.content.read(MAX_OUTPUT_BYTES)).decode()
            if 200 <= response.status < 300:
                return output, True
            return f"The function failed with status {response.status}.", False

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            resolver = Resolver(self._allow_private)
            self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver))
        return self._http

    async def aclose(self) -> None:
        if self._http is not None:
            await self._http.close()


def parse_arguments(arguments: str) -> dict[str, Any] | None:
    try:
        parsed = json.loads(arguments or "{}")
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None


class PrivateAddress(OSError):
    """A function's host has an address that is not public."""


def is_private(host: str) -> bool:
    """Of an IP address as text; False for a name, which the resolver judges."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


class Resolver(AbstractResolver):
    """Gives the connector the very addresses that were checked, so that a name cannot change in between."""

    def __init__(self, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not self._allow_private and any(is_private(address["host"]) for address in found):
            raise PrivateAddress
        return found

    async def close(self) -> None:
        await self._inner.close()
