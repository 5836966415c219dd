"""What the scripted model says; `scripted_model.py` tells the script."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_FAULT = re.compile(r"#model:([a-z0-9-]+)")
_USE = re.compile(r"\buse\s+([A-Za-z0-9_-]+)\s*", re.IGNORECASE)
_IMAGES_OF_A_RESULT = "Images of the result"
"""How our own client introduces them: Chat Completions has no place for them in the result."""


@dataclass(frozen=True)
class Reply:
    """What the model says: text, then calls as (name, JSON text)."""

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    reasoning: str = ""
    refusal: str = ""
    reason: str = ""


def find_fault(body: dict[str, Any]) -> str:
    """How the request wants the model to misbehave; empty for not at all."""
    model = str(body.get("model", ""))
    if found := _FAULT.search(_last_user_text(body)):
        return found[1]
    return model.removeprefix("scripted-") if model.startswith("scripted-") else ""


def reply_to(body: dict[str, Any], fault: str = "") -> Reply:
    """The answer to a request: the same to the same."""
    tools = [str(tool["function"]["name"]) for tool in body.get("tools", ())]
    text = _FAULT.sub("", _last_user_text(body)).strip()
    if fault == "loop" and tools:
        return Reply(calls=[(tools[0], "{}")])
    if results := _results(body):
        return Reply("\n".join(results))
    if fault in {"many", "bad-arguments"} and tools:
        many = [(tools[0], json.dumps({"number": n})) for n in range(16)]
        return Reply(calls=many if fault == "many" else [(tools[0], '{"half": ')])
    special = {
        "unknown-tool": Reply(calls=[("no_such_tool", "{}")]),
        "empty": Reply(),
        "long": Reply("All work and no play. " * 4600),
        "length": Reply("This answer stops in the", reason="length"),
        "refusal": Reply(refusal="I cannot help with that."),
        "reasoning": Reply(f"You said: {text}", reasoning="Let me think about that."),
    }
    calls = _wanted_calls(text, tools)
    images = _count_images(body)
    said = f"You said: {text}" + (f" (with {images} images)" if images else "")
    return special.get(fault) or Reply("I use my tools." if calls else said, calls)


def _wanted_calls(text: str, tools: list[str]) -> list[tuple[str, str]]:
    """The tools that a text asks for."""
    calls = [
        (name, _arguments_at(text, found.end()))
        for found in _USE.finditer(text)
        if (name := _find_tool(found[1], tools))
    ]
    if calls:
        return calls
    words = re.findall(r"[A-Za-z0-9_-]+", text)
    named = dict.fromkeys(name for word in words if (name := _find_tool(word, tools)))
    return [(name, "{}") for name in named]


def _find_tool(name: str, tools: list[str]) -> str:
    if name in tools:
        return name
    return next((tool for tool in tools if tool.endswith(f"__{name}")), "")


def _arguments_at(text: str, start: int) -> str:
    if not text.startswith("{", start):
        return "{}"
    try:
        _, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        return text[start:]  # What is no JSON is passed on as it is.
    return text[start:end]


def _results(body: dict[str, Any]) -> list[str]:
    """What the tools answered since the assistant spoke last, if that is what comes last."""
    names: dict[str, str] = {}
    told: list[str] = []
    for message in body.get("messages", ()):
        if message["role"] == "assistant":
            calls = message.get("tool_calls") or ()
            names = {call["id"]: call["function"]["name"] for call in calls}
            told = []
        elif message["role"] == "tool":
            name, text = names.get(message["tool_call_id"], "a tool"), _text_of(message)
            error = text.removeprefix("Error: ")
            told.append(f"{name} answered: {text}" if error == text else f"{name} failed: {error}")
        elif not _text_of(message).startswith(_IMAGES_OF_A_RESULT):
            told = []
    return told


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n\n".join(part["text"] for part in content if part["type"] == "text")


def _last_user_text(body: dict[str, Any]) -> str:
    texts = [_text_of(each) for each in body.get("messages", ()) if each["role"] == "user"]
    texts = [text for text in texts if not text.startswith(_IMAGES_OF_A_RESULT)]
    return texts[-1] if texts else ""


def _count_images(body: dict[str, Any]) -> int:
    content = [each for each in body["messages"] if each["role"] == "user"][-1:]
    parts = content[0]["content"] if content else ""
    return sum(part["type"] == "image_url" for part in parts) if isinstance(parts, list) else 0


def iter_chunks(body: dict[str, Any], reply: Reply) -> Iterator[dict[str, Any]]:
    """The reply as `chat.completion.chunk`s, in several pieces; usage last."""
    yield _chunk(body, {"role": "assistant", "content": ""})
    texts = {
        "reasoning_content": reply.reasoning,
        "refusal": reply.refusal,
        "content": reply.text,
    }
    for name, text in texts.items():
        size = 12 if len(text) < 1200 else 1200
        for start in range(0, len(text), size):
            yield _chunk(body, {name: text[start : start + size]})
    for index, (name, arguments) in enumerate(reply.calls):
        call = {"index": index, "id": f"call_{index}", "type": "function"}
        yield _chunk(body, {"tool_calls": [call | {"function": {"name": name, "arguments": ""}}]})
        for start in range(0, len(arguments), 10):
            piece = {"arguments": arguments[start : start + 10]}
            yield _chunk(body, {"tool_calls": [{"index": index, "function": piece}]})
    yield _chunk(body, {}, reply.reason or ("tool_calls" if reply.calls else "stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        prompt = len(json.dumps([body["messages"], body.get("tools")])) // 4
        written = len(reply.text + reply.refusal + reply.reasoning + str(reply.calls)) // 4
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "completion_tokens_details": {"reasoning_tokens": len(reply.reasoning) // 4},
        }
        yield {**_chunk(body, {}), "choices": [], "usage": usage}


def _chunk(
    body: dict[str, Any], delta: dict[str, Any], reason: str | None = None
) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body.get("model", ""),
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }
