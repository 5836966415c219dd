"""What happens in a chat, written down beforehand and played at the transport."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

CHAT_ID = "0b1f0f5e-0000-4000-8000-00000000000c"
SERVER_ID = "0b1f0f5e-0000-4000-8000-00000000000d"
WHEN = "2026-11-25T12:00:00Z"

Event = dict[str, Any]
Failure = httpx.Response | BaseException


def said(message_id: int, *parts: Event, role: str = "assistant") -> Event:
    """A message has been committed."""
    message = {
        "id": message_id,
        "chat_id": CHAT_ID,
        "created_at": WHEN,
        "role": role,
        "content": list(parts),
    }
    return {"type": "message", "message": message}


def text(words: str) -> Event:
    """A piece of text in a message."""
    return {"type": "text", "text": words}


def saying(message_id: int, words: str) -> Event:
    """The model has written something just now."""
    part = {"message_id": message_id, "role": "assistant", "part": text(words)}
    return {"type": "message_part", "message_part": part}


def tool_call(call_id: str, name: str = "tickets__search", args: Any = None) -> Event:
    """A model's wish to call a tool."""
    return {
        "type": "tool-call",
        "tool_call_id": call_id,
        "tool_name": name,
        "mcp_server_config_id": SERVER_ID,
        "args": {"query": "broken"} if args is None else args,
    }


def tool_result(
    call_id: str, result: str, name: str = "tickets__search", *, is_error: bool = False
) -> Event:
    """What became of a call."""
    return {
        "type": "tool-result",
        "tool_call_id": call_id,
        "tool_name": name,
        "result": result,
        "is_error": is_error,
    }


def now(status: str) -> list[Event]:
    """The chat's state has changed."""
    return [{"type": "queue_update", "queued_messages": []}, {"type": "status", "status": status}]


def asks(*calls: tuple[str, str]) -> list[Event]:
    """Tool calls wait for the owner."""
    pending = [{"tool_call_id": id_, "tool_name": name} for id_, name in calls]
    event = {"type": "action_required", "pending_tool_calls": pending}
    return [*now("requires_action"), event]


def failed(message: str) -> list[Event]:
    """The turn has ended without an answer."""
    return [
        *now("error"),
        {"type": "error", "error": {"message": message, "kind": "unavailable", "retryable": True}},
    ]


@dataclass
class Feed(httpx.BaseTransport):
    """Answers who follows a chat from a script; the rest is left to what is below.

    Attributes:
        script: the answers, one for each cursor, so that one that got lost comes again. After the
            last there is no news.
        failures: by the number of an answer, what comes in its place first, each once.
        below: answers all other requests.
        answers: what is answered to other paths instead, by method and the end of the path.
        posted: bodies of the requests that `answers` answered.
        polls: the queries of those who followed.
        status: of the chat, whatever has been told of it so far.
    """

    script: list[list[Event]]
    failures: dict[int, list[Failure]] = field(default_factory=dict)
    below: httpx.BaseTransport | None = None
    answers: dict[tuple[str, str], Callable[[], httpx.Response]] = field(default_factory=dict)
    posted: list[tuple[str, Any]] = field(default_factory=list)
    polls: list[dict[str, str]] = field(default_factory=list)
    status: str = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/events"):
            return self._events(request)
        for (method, end), answer in self.answers.items():
            if method == request.method and path.endswith(end):
                body = json.loads(request.read() or b"null")
                self.posted.append((end, body))
                return answer()
        assert self.below is not None, f"{request.method} {path}"
        return self.below.handle_request(request)

    def _events(self, request: httpx.Request) -> httpx.Response:
        self.polls.append(dict(request.url.params))
        number = int(request.url.params.get("cursor", "0"))
        waiting = self.failures.get(number)
        if waiting:
            failure = waiting.pop(0)
            if isinstance(failure, BaseException):
                raise failure
            return failure
        events = self.script[number] if number < len(self.script) else []
        upto = min(number + 1, len(self.script))
        told = [each for batch in self.script[:upto] for each in batch]
        states = [each["status"] for each in told if each["type"] == "status"]
        body = {
            "events": events,
            "cursor": str(upto),
            "status": self.status or (states[-1] if states else "running"),
        }
        return httpx.Response(200, json=body)


def chat(status: str = "pending", **changes: Any) -> dict[str, Any]:
    """A chat, as the API tells it."""
    return {
        "id": CHAT_ID,
        "owner_id": SERVER_ID,
        "organization_id": SERVER_ID,
        "title": "What is broken?",
        "status": status,
        "mcp_server_ids": [],
        "labels": {},
        "archived": False,
        "pin_order": 0,
        "has_unread": False,
        "created_at": WHEN,
        "updated_at": WHEN,
        **changes,
    }
