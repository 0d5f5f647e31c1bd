"""The double's Assistants interface: assistants, threads, runs, streamed."""

import itertools
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.doubles.openai_faults import Ended, Fault, Kind, Stream, error, spoiled
from tests.doubles.openai_script import Reply, Script

Item = dict[str, Any]
USAGE = {"prompt_tokens": 50, "completion_tokens": 7, "total_tokens": 57}


@dataclass
class Assistants:
    made: list[str] = field(default_factory=list)
    threads: dict[str, list[Item]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    active: dict[str, list[str]] = field(default_factory=dict)  # thread → call ids that it waits for
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def texts(self, thread: str) -> list[tuple[str, str]]:
        return [(message["role"], message["content"]) for message in self.threads[thread]]

    async def create_assistant(
        self, _: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        if fault is not None and (answer := spoiled(fault)) is not None:
            return answer
        self.made.append(f"asst_{next(self.ids)}")
        return web.json_response({"id": self.made[-1], "object": "assistant", "model": body["model"]})

    async def create_thread(
        self, _: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        thread = f"thread_{next(self.ids)}"
        self.threads[thread] = list(body.get("messages") or ())
        return web.json_response({"id": thread, "object": "thread", "created_at": 1})

    async def create_message(
        self, request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        thread = request.match_info["thread"]
        if thread in self.active:
            return error(400, "run_is_active")
        self.threads[thread].append(body)
        return web.json_response({"id": f"msg_{next(self.ids)}", "object": "thread.message", **body})

    async def delete(
        self, request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        name = request.match_info["id"]
        self.deleted.append(name)
        self.threads.pop(name, None)
        return web.json_response({"id": name, "deleted": True})

    async def run(
        self, request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        thread = request.match_info["thread"]
        if thread not in self.threads or thread in self.active:
            return error(400, "thread_not_ready")
        return await self._answer(request, script, thread, fault)

    async def submit(
        self, request: web.Request, script: Script, body: dict[str, Any], fault: Fault | None
    ) -> web.StreamResponse:
        thread = request.match_info["thread"]
        if sorted(output["tool_call_id"] for output in body["tool_outputs"]) != sorted(self.active.pop(thread, [])):
            return error(400, "wrong_tool_outputs")
        return await self._answer(request, script, thread, fault)

    async def _answer(
        self, request: web.Request, script: Script, thread: str, fault: Fault | None
    ) -> web.StreamResponse:
        stream = Stream(request, fault, script.piece_s)
        reply = script.reply(fault)
        await stream.open()
        try:
            await stream.event(run_object("queued"), "thread.run.created")
            for word in reply.words:
                await stream.event(text_delta(word), "thread.message.delta")
            if reply.text:
                self.threads[thread].append({"role": "assistant", "content": reply.text})
            await self._end(stream, thread, reply, fault)
            await stream.event("[DONE]", "done")
        except Ended:
            pass
        return await stream.close()

    async def _end(self, stream: Stream, thread: str, reply: Reply, fault: Fault | None) -> None:
        if fault is not None and fault.kind is Kind.TOO_LONG:
            await stream.event(run_object("incomplete"), "thread.run.incomplete")
        elif reply.calls:
            calls = [
                {"id": f"call_{next(self.ids)}", "type": "function", "function": {"name": name, "arguments": arguments}}
                for name, arguments in reply.calls
            ]
            self.active[thread] = [str(call["id"]) for call in calls]
            action = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
            run = run_object("requires_action", required_action=action)
            await stream.event(run, "thread.run.requires_action")
        else:
            await stream.event(run_object("completed", usage=USAGE), "thread.run.completed")


def run_object(status: str, **more: Any) -> Item:
    return {"id": "run_1", "object": "thread.run", "status": status, "model": "m", "instructions": "", **more}


def text_delta(text: str) -> Item:
    part = {"index": 0, "type": "text", "text": {"value": text, "annotations": []}}
    return {"id": "msg_1", "object": "thread.message.delta", "delta": {"role": "assistant", "content": [part]}}
