"""Which servers a chat has: pure, so that every case can be told."""

from datetime import UTC, datetime

import pytest

from chalicelib.mcp_servers.errors import InvalidSelectionError
from chalicelib.mcp_servers.models import MCPServer, OAuth2Client
from chalicelib.mcp_servers.selection import choose_for_message, choose_for_new_chat
from chalicelib.sdk.mcp_servers import AuthType, Availability, Transport

NOW = datetime(2026, 9, 1, tzinfo=UTC)


def server(id_: str, availability: Availability = Availability.DEFAULT_OFF) -> MCPServer:
    return MCPServer(
        id=id_,
        display_name=id_,
        slug=id_,
        description="",
        icon_url="",
        transport=Transport.STREAMABLE_HTTP,
        url="https://tickets.example/mcp",
        auth_type=AuthType.NONE,
        oauth2=OAuth2Client(),
        api_key_header="",
        api_key_value=b"",
        custom_headers=b"",
        tool_allow_list=(),
        tool_deny_list=(),
        availability=availability,
        enabled=True,
        model_intent=False,
        allow_in_plan_mode=False,
        forward_coder_headers=False,
        created_by="",
        updated_by="",
        created_at=NOW,
        updated_at=NOW,
    )


USABLE = [
    server("on", Availability.DEFAULT_ON),
    server("off"),
    server("forced", Availability.FORCE_ON),
]


@pytest.mark.parametrize(
    ("requested", "expected"),
    [
        (None, ["on", "forced"]),
        ([], ["forced"]),
        (["off", "off", "OFF"], ["off", "forced"]),
        (["forced", "on"], ["forced", "on"]),
    ],
    ids=["nothing said", "none", "duplicates", "the forced one named"],
)
def test_a_new_chat_gets_what_is_asked_for_and_what_is_forced(
    requested: list[str] | None, expected: list[str]
) -> None:
    assert choose_for_new_chat(USABLE, requested) == expected


@pytest.mark.parametrize(
    ("stored", "requested", "expected"),
    [
        (["off"], None, ["off", "forced"]),
        (["off"], [], ["forced"]),
        (["off"], ["on"], ["on", "forced"]),
        (["gone"], None, ["gone", "forced"]),
        (["gone"], ["gone", "GONE", "on"], ["gone", "on", "forced"]),
        ([], None, ["forced"]),
    ],
    ids=[
        *("nothing said", "none", "others", "one that is gone", "sent back as it was read"),
        "forced since",
    ],
)
def test_a_message_changes_what_it_says_and_what_the_chat_has_is_exempt(
    stored: list[str], requested: list[str] | None, expected: list[str]
) -> None:
    assert choose_for_message(USABLE, stored, requested) == expected


def test_what_cannot_be_had_is_named() -> None:
    with pytest.raises(InvalidSelectionError, match="invalid or disabled") as caught:
        choose_for_new_chat(USABLE, ["on", "gone", "hidden", "gone"])
    assert caught.value.detail == "Invalid IDs: gone, hidden"
    with pytest.raises(InvalidSelectionError) as caught:
        choose_for_message(USABLE, ["gone"], ["gone", "hidden"])
    assert caught.value.detail == "Invalid IDs: hidden"
