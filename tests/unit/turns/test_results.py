"""What tools answer, as models and people get it."""

import json
from base64 import b64encode
from typing import Any

import pytest

from chalicelib.chats.models import OpenCall
from chalicelib.mcp_client.models import ToolResult
from chalicelib.sdk import chats
from chalicelib.sdk.base import to_json
from chalicelib.turns.results import MOST_MEDIA, MOST_TEXT, MOST_TOGETHER, build, convert, fit

CALL = OpenCall(id="c1", tool_name="t__x", name="x", server_id="s1")
PNG = b64encode(b"\x89PNG").decode()


def converted(*content: dict[str, Any], **fields: Any) -> chats.ToolResult:
    return convert(CALL, ToolResult(content=content, **fields))


def test_a_result_says_which_call_it_answers() -> None:
    result = converted({"type": "text", "text": "a"}, {"type": "text", "text": "b"})
    assert result.result == "a\nb"
    assert (result.tool_call_id, result.tool_name) == ("c1", "t__x")
    assert result.mcp_server_config_id == "s1"
    assert not result.is_error
    assert not result.is_media


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"type": "text", "text": "hello"}, "hello"),
        ({"type": "text"}, ""),
        ({"type": "audio", "mimeType": "audio/wav", "data": PNG}, "[audio left out: audio/wav]"),
        (
            {"type": "image", "mimeType": "image/tiff", "data": PNG},
            "[image left out: image/tiff]",
        ),
        ({"type": "image", "data": PNG}, "[image left out: ]"),
        (
            {"type": "image", "mimeType": "image/png", "data": "%%% no base64"},
            "[image left out: image/png]",
        ),
        (
            {"type": "image", "mimeType": "image/png", "data": "ü"},
            "[image left out: image/png]",
        ),
        ({"type": "image", "mimeType": "image/png", "data": 7}, "[image left out: image/png]"),
        ({"type": "image", "mimeType": ["x"], "data": PNG}, "[image left out: ['x']]"),
        ({"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}}, "inside"),
        (
            {
                "type": "resource",
                "resource": {"uri": "file:///a", "mimeType": "application/zip", "blob": PNG},
            },
            "[resource left out: file:///a (application/zip)]",
        ),
        ({"type": "resource", "resource": "x"}, "[unsupported content type: resource]"),
        (
            {"type": "resource_link", "name": "A", "uri": "file:///a", "description": "what"},
            "[resource: A (file:///a): what]",
        ),
        ({"type": "resource_link", "name": "A", "uri": "file:///a"}, "[resource: A (file:///a)]"),
        ({"type": "hologram"}, "[unsupported content type: hologram]"),
        ({}, "[unsupported content type: None]"),
    ],
)
def test_every_kind_of_content_is_told_in_words(block: dict[str, Any], told: str) -> None:
    result = converted(block)
    assert result.result == told
    assert result.media == []


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "mimeType": "image/png", "data": PNG},
        {"type": "resource", "resource": {"uri": "x", "mimeType": "image/png", "blob": PNG}},
    ],
    ids=["image", "blob"],
)
def test_an_image_is_kept_beside_the_text(block: dict[str, Any]) -> None:
    result = converted({"type": "text", "text": "look"}, block)
    assert result.result == "look"
    assert result.is_media
    assert result.media == [chats.Media(media_type="image/png", data=PNG)]


def test_images_beyond_the_limit_are_left_out_and_said_to_be() -> None:
    half = b64encode(bytes(MOST_MEDIA // 2 + 3)).decode()
    image = {"type": "image", "mimeType": "image/png", "data": half}
    result = converted(image, image)
    assert len(result.media) == 1
    assert result.result == "[image left out: image/png]"


def test_structured_content_is_told_as_json_once() -> None:
    said = {"type": "text", "text": "Found one."}
    assert converted(said, structured_content={"n": 1}).result == 'Found one.\n{"n": 1}'
    assert converted(structured_content=[]).result == "[]"
    for text in ('{"n": 1}', '{"n":1}'):
        same = {"type": "text", "text": text}
        assert converted(same, structured_content={"n": 1}).result == text


def test_a_failure_stays_one() -> None:
    assert converted({"type": "text", "text": "no"}, is_error=True).is_error


def test_an_empty_answer_is_empty() -> None:
    assert converted().result == ""


def test_a_long_text_is_cut_and_says_how_much_is_missing() -> None:
    result = converted({"type": "text", "text": "x" * (MOST_TEXT + 5)})
    assert result.result == "x" * MOST_TEXT + "\n[5 more characters were left out]"


@pytest.mark.parametrize("character", ["x", "漢", "\x01", "😀"])
def test_results_together_fit_into_one_transaction(character: str) -> None:
    """Which DynamoDB limits in bytes; every character here takes another number of them."""
    results = fit([build(CALL, character * MOST_TEXT) for _ in range(128)])
    stored = sum(len(to_json(each).encode()) for each in results)
    assert len(results) == 128
    assert stored < MOST_TOGETHER + 128 * 300
    assert results[0].result == character * MOST_TEXT
    assert results[-1].result.endswith("[the rest was left out: too much at once]")


def test_images_go_first_when_there_is_no_room() -> None:
    image = chats.Media(media_type="image/png", data="A" * 600_000)
    results = fit([build(CALL, "seen", media=[image]) for _ in range(8)])
    assert [len(each.media) for each in results] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert results[-1].result == "seen\n[images left out: too much at once]"
    assert not results[-1].is_media


def test_structured_content_that_is_no_json_for_others_is_still_told() -> None:
    assert json.loads(converted(structured_content={"ü": "漢"}).result) == {"ü": "漢"}
