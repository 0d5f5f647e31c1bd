"""What the sandbox answers, held against Twilio's own OpenAPI file (shipped in npm's @twilio-alpha/mcp)."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jsonschema
import pytest
import pytest_asyncio

from tests.calls.sandbox.application import AGENT, KLIX, SID, TOKEN, World, world
from tests.peers.installed import node_modules

FILE = "@twilio-alpha/mcp/twilio-oai/spec/json/twilio_api_v2010.json"
CREDENTIALS = "Basic " + base64.b64encode(f"{SID}:{TOKEN}".encode()).decode()


@pytest.fixture(scope="session")
def specification() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((node_modules("@twilio-alpha/mcp@0.7.0") / FILE).read_text())
    return found


@pytest_asyncio.fixture
async def telephone() -> AsyncIterator[World]:
    async with world() as it:
        yield it


def as_json_schema(schema: Any) -> Any:
    """OpenAPI 3.0's `nullable` in JSON Schema's words; a property that Twilio does not have is an error."""
    if isinstance(schema, list):
        return [as_json_schema(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: as_json_schema(value) for key, value in schema.items() if key not in ("nullable", "example")}
    if isinstance(plain.get("properties"), dict) and plain["properties"]:
        plain.setdefault("additionalProperties", False)
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


def fits(specification: dict[str, Any], name: str, body: Any) -> None:
    schema = as_json_schema({"components": specification["components"]})
    jsonschema.validate(body, {**schema, "$ref": f"#/components/schemas/{name}"})


async def ask(telephone: World, path: str, **form: str) -> Any:
    url = f"{telephone.client.api.base_url}/2010-04-01/Accounts/{SID}/{path}"
    method, headers = "POST" if form else "GET", {"Authorization": CREDENTIALS}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url, data=form or None, headers=headers) as response,
    ):
        return await response.json()


async def test_a_call_is_twilios_in_every_state(telephone: World, specification: dict[str, Any]) -> None:
    created = await ask(telephone, "Calls.json", To=AGENT, From=KLIX, Url=telephone.application.at("/caller"))
    fits(specification, "api.v2010.account.call", created)
    telephone.application.streams_at("/caller", "/ws/caller")
    telephone.application.streams_at("/voice", "/ws/agent")
    live = await ask(telephone, "Calls.json", To=AGENT, From=KLIX, Url=telephone.application.at("/caller"))
    await telephone.stream("/ws/agent")
    fits(specification, "api.v2010.account.call", await ask(telephone, f"Calls/{live['sid']}.json"))
    ended = await ask(telephone, f"Calls/{live['sid']}.json", Status="completed")
    fits(specification, "api.v2010.account.call", ended)
    listed = await ask(telephone, "Calls.json?PageSize=2")
    assert len(listed["calls"]) == 2
    for call in listed["calls"]:
        fits(specification, "api.v2010.account.call", call)
    page = specification["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["get"]["responses"]["200"]
    assert set(page["content"]["application/json"]["schema"]["properties"]) >= set(listed)


async def test_a_number_is_twilios(telephone: World, specification: dict[str, Any]) -> None:
    url = telephone.application.at("/voice")
    number = await ask(telephone, "IncomingPhoneNumbers.json", PhoneNumber="+15550100150", VoiceUrl=url)
    fits(specification, "api.v2010.account.incoming_phone_number", number)


async def test_every_parameter_of_twilios_that_we_take_is_one(telephone: World, specification: dict[str, Any]) -> None:
    operation = specification["paths"]["/2010-04-01/Accounts/{AccountSid}/Calls.json"]["post"]
    content = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    ours = {
        "To", "From", "Url", "Method", "Twiml", "FallbackUrl", "FallbackMethod", "StatusCallback",
        "StatusCallbackMethod",
        "StatusCallbackEvent", "Timeout", "TimeLimit", "SendDigits", "MachineDetection", "AsyncAmd",
        "AsyncAmdStatusCallback", "AsyncAmdStatusCallbackMethod", "MachineDetectionTimeout",
    }  # fmt: skip
    assert ours <= set(content["properties"])
