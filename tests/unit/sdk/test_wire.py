"""Replies are dataclasses that go out as JSON without pydantic, and come in with it."""

import json
import pkgutil
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.sdk import requests
from chalicelib.sdk.audit import AuditChange, AuditEvent
from chalicelib.sdk.base import Reply, to_document, to_json
from chalicelib.sdk.chats import (
    ChatMessage,
    MessageRole,
    MessageUsage,
    StreamTicket,
    Text,
    ToolResult,
)
from chalicelib.sdk.identity import CreateTokenReply, Role, User
from chalicelib.sdk.reading import read_document, read_json
from chalicelib.sdk.system import OpenAPIDocument

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
USER = User(
    id="0b8f6f3e-31ef-4a79-9a3f-4f0f6f7f3c11",
    username="ada",
    name="Ada “of” Łódź",
    email="ada@example.org",
    status="active",
    roles=[Role(name="owner")],
    created_at=NOON,
    updated_at=NOON + timedelta(microseconds=5),
)
MESSAGE = ChatMessage(
    id=1,
    chat_id=USER.id,
    created_at=NOON,
    role=MessageRole.TOOL,
    content=[
        Text(text="line\u2028break"),
        ToolResult(tool_call_id="1", tool_name="read", result="{}", is_error=True),
    ],
    usage=MessageUsage(input_tokens=3),
)
EVENT = AuditEvent(
    id=USER.id,
    time=NOON,
    action="update",
    object_type="user",
    object_id=USER.id,
    actor_id=USER.id,
    diff={"name": AuditChange(old=None, new=["x", None, {"y": None}])},
)


@pytest.mark.parametrize("reply", [USER, MESSAGE, EVENT], ids=lambda each: type(each).__name__)
def test_a_reply_is_written_as_pydantic_would_write_it(reply: Reply) -> None:
    written = TypeAdapter(type(reply)).dump_json(reply, exclude_none=True)
    assert to_json(reply).encode() == written
    assert to_document(reply) == json.loads(written)


@pytest.mark.parametrize("reply", [USER, MESSAGE, EVENT], ids=lambda each: type(each).__name__)
def test_a_reply_that_was_written_is_read_again(reply: Reply) -> None:
    assert read_json(type(reply), to_json(reply)) == reply
    assert read_document(type(reply), to_document(reply)) == reply


def test_several_replies_are_an_array_or_an_object() -> None:
    role = Role(name="owner")
    assert to_json([role, role]) == '[{"name":"owner"},{"name":"owner"}]'
    assert to_json({"a": role}) == '{"a":{"name":"owner"}}'
    assert read_json(list[Role], to_json([role])) == [role]


def test_a_time_elsewhere_says_where() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=2)))
    reply = CreateTokenReply(id=USER.id, key="k", expires_at=there)
    assert to_document(reply)["expires_at"] == "2026-11-29T14:00:00+02:00"


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        to_json(AuditChange(new=value))


def test_what_is_read_must_be_of_the_type_and_may_have_more() -> None:
    assert read_json(Role, '{"name": "owner", "since": 2030}') == Role(name="owner")
    with pytest.raises(ValidationError):
        read_json(Role, '{"since": 2030}')


def test_a_document_of_which_not_all_is_named_keeps_the_rest() -> None:
    known = {"openapi": "3.1.1", "info": {}, "paths": {}, "components": {}}
    document = read_document(OpenAPIDocument, {**known, "tags": [1]})
    assert vars(document)["tags"] == [1]


def test_two_versions_of_the_same_are_equal_but_for_their_etags() -> None:
    read = read_json(Role, '{"name": "owner"}').with_etag('"2"')
    assert read == Role(name="owner")
    assert (read.etag, Role(name="owner").etag) == ('"2"', None)


def test_the_text_of_a_new_token_or_ticket_is_in_no_repr() -> None:
    url = "wss://stream.example/api?ticket=secret-text"
    for reply in (
        CreateTokenReply(id=USER.id, key="secret-text", expires_at=NOON),
        StreamTicket(ticket="secret-text", expires_at=NOON, url=url),
    ):
        assert "secret-text" not in repr(reply)


def test_modules_of_requests_are_loaded_when_they_are_asked_for() -> None:
    for module in pkgutil.iter_modules(requests.__path__):
        assert getattr(requests, module.name).__name__ == f"{requests.__name__}.{module.name}"
    with pytest.raises(AttributeError, match="no attribute"):
        _ = requests.no_such_module
