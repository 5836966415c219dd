"""What tools answer, as models and people get it (`coder-reference.md` 5.6); pure functions."""

import json
from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.chats.models import OpenCall
from chalicelib.mcp_client.models import ToolResult
from chalicelib.sdk import chats
from chalicelib.sdk.base import to_json

MOST_TEXT = 128 * 1024
"""Characters of one result; the rest is left out, and the text says so."""
MOST_MEDIA = 512 * 1024
"""Bytes of one result's images."""
MOST_TOGETHER = 3_000_000
"""Bytes of all results of a step as they are stored: in one transaction, of 4 MB at most."""
_BYTES_OF_A_CHARACTER = 6
"""At most, in JSON: `\\u0001`."""
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})


def convert(call: OpenCall, result: ToolResult) -> chats.ToolResult:
    """A tool's answer of every kind of content as one part of a message."""
    texts, media, room = [], [], MOST_MEDIA
    for block in result.content:
        image = _find_image(block, room)
        if image is None:
            texts.append(_describe(block))
        else:
            room -= len(image.data) * 3 // 4
            media.append(image)
    structured = result.structured_content
    if structured is not None and not any(_says(text, structured) for text in texts):
        texts.append(json.dumps(structured, ensure_ascii=False))
    return build(call, "\n".join(filter(None, texts)), is_error=result.is_error, media=media)


def build(
    call: OpenCall,
    text: str,
    *,
    is_error: bool = False,
    media: "list[chats.Media] | None" = None,
) -> chats.ToolResult:
    """The result of a call: what is too long of it is left out, and said to be."""
    left_out = len(text) - MOST_TEXT
    if left_out > 0:
        text = f"{text[:MOST_TEXT]}\n[{left_out} more characters were left out]"
    return chats.ToolResult(
        tool_call_id=call.id,
        tool_name=call.tool_name,
        mcp_server_config_id=call.server_id,
        result=text,
        is_error=is_error,
        is_media=bool(media),
        media=media or [],
    )


def fit(results: Sequence[chats.ToolResult]) -> list[chats.ToolResult]:
    """The results as far as there is room for them together; what is left out is said to be."""
    room, kept = MOST_TOGETHER, []
    for result in results:
        fitting = result
        if _size(fitting) > room and fitting.media:
            note = f"{fitting.result}\n[images left out: too much at once]"
            fitting = replace(fitting, media=[], is_media=False, result=note)
        if _size(fitting) > room:
            start = fitting.result[: max(room, 0) // _BYTES_OF_A_CHARACTER]
            cut = f"{start}\n[the rest was left out: too much at once]"
            fitting = replace(fitting, result=cut)
        room -= _size(fitting)
        kept.append(fitting)
    return kept


def _size(result: chats.ToolResult) -> int:
    return len(to_json(result).encode())


def _find_image(block: Mapping[str, Any], room: int) -> chats.Media | None:
    """The image in a block, if it is one that models take and there is room for it."""
    source = block.get("resource") if block.get("type") == "resource" else block
    if not isinstance(source, Mapping):
        return None
    data = source.get("data" if block.get("type") == "image" else "blob")
    media_type = str(source.get("mimeType"))
    if media_type not in _IMAGES or not isinstance(data, str) or len(data) * 3 // 4 > room:
        return None
    try:
        b64decode(data, validate=True)
    except (Error, ValueError):
        return None
    return chats.Media(media_type=media_type, data=data)


def _says(text: str, structured: Any) -> bool:
    """Whether a text is the structured content: servers send both, for older clients."""
    try:
        return bool(json.loads(text) == structured)
    except (ValueError, RecursionError):
        return False


def _describe(block: Mapping[str, Any]) -> str:
    """A block in words."""
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text", ""))
    if kind == "resource_link":
        told = f"[resource: {block.get('name', '')} ({block.get('uri', '')})"
        return f"{told}: {block['description']}]" if block.get("description") else f"{told}]"
    resource = block.get("resource")
    if kind == "resource" and isinstance(resource, Mapping):
        if isinstance(resource.get("text"), str):
            return str(resource["text"])
        return f"[resource left out: {resource.get('uri', '')} ({resource.get('mimeType', '')})]"
    if kind in {"image", "audio"}:
        return f"[{kind} left out: {block.get('mimeType', '')}]"
    return f"[unsupported content type: {kind}]"
