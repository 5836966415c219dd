"""Reading the audit log through the API."""

from typing import Any

import httpx

AUDIT = "/api/v2/audit"
ORGANIZATIONS = "/api/v2/organizations"
CHATS = "/api/experimental/chats"
Event = dict[str, Any]


def events(client: httpx.Client, **query: str | int) -> list[Event]:
    """One page of the log."""
    answer = client.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    found: list[Event] = answer.json()["events"]
    return found


def event_of(client: httpx.Client, object_id: str, action: str) -> Event:
    """The only event that tells of an action on an object."""
    (found,) = events(client, object_id=object_id, action=action)
    return found


def page_through(client: httpx.Client, **query: str | int) -> list[list[Event]]:
    """Every page, to the last."""
    pages: list[list[Event]] = []
    cursor: dict[str, str] = {}
    for _ in range(100):
        answer = client.get(AUDIT, params={**query, **cursor}).raise_for_status().json()
        pages.append(answer["events"])
        if "next_cursor" not in answer:
            return pages
        cursor = {"cursor": answer["next_cursor"]}
    raise AssertionError("the pages do not end")


def ids(found: list[Event]) -> list[str]:
    """What tells events apart."""
    return [event["id"] for event in found]


def me(client: httpx.Client) -> str:
    """The id of whom the client is signed in as."""
    user_id: str = client.get("/api/v2/users/me").json()["id"]
    return user_id
