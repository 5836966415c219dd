"""What a list of chats is searched for (`coder-reference.md` 4.6), from its query parameters."""

from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.chats.errors import InvalidSearchError
from chalicelib.primitives import parse_id
from chalicelib.sdk.chats import ChatStatus

_MOST_TERMS = 20
_LONGEST = 1000
_KEYS = "archived, status, has_unread, title, workspace"
MOST_WORKSPACES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the chats of a list have in common.

    Attributes:
        archived: whether the archived ones are meant; the others are left out then.
        words: that the title contains, in lower case.
        labels: pairs of a label's key and value.
        workspace_ids: the workspaces that a chat may belong to; none: any, or none at all.
    """

    archived: bool = False
    status: ChatStatus | None = None
    has_unread: bool | None = None
    words: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    workspace_ids: tuple[str, ...] = ()


def parse_search(query: str, labels: Sequence[str]) -> Search:
    """A search such as `archived:true status:error budget`, and labels such as `team:red`.

    Bare words, and those of `title:`, are looked for in the title.

    Raises:
        InvalidSearchError: a key or value is unknown, a label malformed, or there are too many.
    """
    if len(query) > _LONGEST or len(query.split()) + len(labels) > _MOST_TERMS:
        raise InvalidSearchError("q", f"must be at most {_MOST_TERMS} terms")
    found: dict[str, str] = {}
    words = []
    for term in query.split():
        key, colon, value = term.partition(":")
        if not colon:
            words.append(term.lower())
        elif key == "title":
            words.append(value.lower())
        elif key in {"archived", "status", "has_unread", "workspace"}:
            found[key] = value.lower()
        else:
            raise InvalidSearchError("q", f"knows {_KEYS} and bare words")
    return Search(
        archived=_switch(found, "archived") or False,
        status=_status(found.get("status")),
        has_unread=_switch(found, "has_unread"),
        words=tuple(word for word in words if word),
        labels=tuple(_label(each) for each in labels),
        workspace_ids=parse_workspaces("q", found["workspace"]) if "workspace" in found else (),
    )


def parse_workspaces(field: str, text: str) -> tuple[str, ...]:
    """The ids of workspaces, separated by commas.

    Raises:
        InvalidSearchError: one is no id, or there are none or too many.
    """
    ids = tuple(dict.fromkeys(parse_id(each.strip()) for each in text.split(",")))
    if len(ids) > MOST_WORKSPACES or None in ids:
        detail = f"must be 1 to {MOST_WORKSPACES} ids of workspaces, separated by commas"
        raise InvalidSearchError(field, detail)
    return tuple(each for each in ids if each)


def _switch(found: dict[str, str], key: str) -> bool | None:
    value = found.get(key)
    if value not in {None, "true", "false"}:
        raise InvalidSearchError("q", f"{key} must be true or false")
    return None if value is None else value == "true"


def _status(value: str | None) -> ChatStatus | None:
    if value is None:
        return None
    if value not in set(ChatStatus):
        raise InvalidSearchError("q", f"status must be one of {', '.join(ChatStatus)}")
    return ChatStatus(value)


def _label(text: str) -> tuple[str, str]:
    key, colon, value = text.partition(":")
    if not (key and colon and value):
        raise InvalidSearchError("label", "must be written key:value")
    return key, value
