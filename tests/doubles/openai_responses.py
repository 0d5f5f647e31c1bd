"""The double's `/responses` (streamed) and `/conversations`, which keeps what was said in each."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.doubles.openai_faults import Ended, Fault, Kind, Stream, error, spoiled
from tests.doubles.openai_script import Reply, Script

Item = dict[str, Any]
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 0},
    "output_tokens": 7,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 57,
}


@dataclass
class Conversations:
    """What each conversation holds, by its id; a deleted one is gone."""

    items: dict[str, list[Item]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def texts(self, conversation: str) -> list[tuple[str, str]]:
        return [(item["role"], item["content"]) for item in self.items[conversation] if "role" in item]

    async def create(
        self, _: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        if not script.conversations_open:
            return error(404, None)
        if fault is not None and (answer := spoiled(fault)) is not None:
            return answer
        name = f"conv_{next(self.ids)}"
        self.items[name] = list(body.get("items") or ())
        return web.json_response({"id": name, "object": "conversation", "created_at": 1, "metadata": {}})

    async def delete(
        self, request: web.Request, _: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        name = request.match_info["id"]
        if self.items.pop(name, None) is None:
            return error(404, None)
        self.deleted.append(name)
        return web.json_response({"id": name, "object": "conversation.deleted", "deleted": True})

    async def responses(
        self, request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        name = body.get("conversation")
        if name is not None and name not in self.items:
            return error(404, "conversation_not_found")
        if name in self.busy:
            return error(409, "conversation_locked")
        before = self.items[name] if name else []
        if not body["input"] or _unanswered_call(before + body["input"]):
            return error(400, "invalid_input")
        self.busy.add(name or "")
        try:
            stream = Answer(request, script, script.reply(fault), fault)
            await stream.send(lambda output: self._keep(name, [*body["input"], *output]))
            return await stream.close()
        finally:
            self.busy.discard(name or "")

    def _keep(self, name: str | None, items: list[Item]) -> None:
        if name is not None:
            self.items[name] += items


def _unanswered_call(items: list[Item]) -> bool:
    calls = [item["call_id"] for item in items if item.get("type") == "function_call"]
    outputs = [item["call_id"] for item in items if item.get("type") == "function_call_output"]
    return sorted(calls) != sorted(outputs)


class Answer:
    """One streamed response."""

    calls = itertools.count(1)

    def __init__(self, request: web.Request, script: Script, reply: Reply, fault: Fault | None) -> None:
        self._stream = Stream(request, fault, script.piece_s)
        self._reply = reply
        self._too_long = fault is not None and fault.kind is Kind.TOO_LONG
        self._number = 0
        self.output: list[Item] = []

    async def send(self, keep: Callable[[list[Item]], None]) -> None:
        """`keep` gets what it holds before it is told that it is whole: who knows may leave at once."""
        await self._stream.open()
        try:
            await self._event("response.created", response=self._response("in_progress"))
            await self._text()
            for name, arguments in self._reply.calls:
                await self._call(name, arguments)
            if self._too_long:
                details = {"incomplete_details": {"reason": "max_output_tokens"}}
                await self._event("response.incomplete", response={**self._response("incomplete"), **details})
                return
            keep(self.output)
            await self._event("response.completed", response={**self._response("completed"), "usage": USAGE})
        except Ended:
            return

    async def close(self) -> web.StreamResponse:
        return await self._stream.close()

    async def _text(self) -> None:
        kind = "response.refusal" if self._reply.refusal else "response.output_text"
        at = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
        for word in self._reply.words:
            await self._event(f"{kind}.delta", delta=word, **at)
        if self._reply.text:
            await self._event(f"{kind}.done", text=self._reply.text, refusal=self._reply.text, **at)
            self.output.append({"role": "assistant", "content": self._reply.text})

    async def _call(self, name: str, arguments: str) -> None:
        call_id = f"call_{next(self.calls)}"
        call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
        at = {"item_id": "fc_1", "output_index": 1}
        await self._event("response.function_call_arguments.delta", delta=arguments, **at)
        await self._event("response.function_call_arguments.done", arguments=arguments, name=name, **at)
        await self._event(
            "response.output_item.done", item={"id": "fc_1", "status": "completed", **call}, output_index=1
        )
        self.output.append(call)

    def _response(self, status: str) -> Item:
        return {"id": "resp_1", "object": "response", "created_at": 1, "status": status, "output": []}

    async def _event(self, kind: str, **data: Any) -> None:
        self._number += 1
        await self._stream.event({"type": kind, "sequence_number": self._number, **data}, kind)
