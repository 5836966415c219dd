"""What the audit log records, and what can be asked of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from chalicelib.audit.ports import Companion


class Action(StrEnum):
    """What somebody did."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    LOGIN = "login"
    LOGOUT = "logout"
    RESTORE = "restore"


class ObjectType(StrEnum):
    """What it was done to; the comment says whose id `object_id` is, where that is not plain."""

    USER = "user"
    TOKEN = "token"  # noqa: S105 -- a kind of object
    SESSION = "session"  # The token's that the session is.
    ORGANIZATION = "organization"
    ORGANIZATION_MEMBER = "organization_member"  # The user's.
    GROUP = "group"
    GROUP_MEMBER = "group_member"  # The user's; the diff says of which group.
    MCP_SERVER = "mcp_server"
    CONNECTION = "connection"  # The server's; whose connection it is, the actor says.
    CHAT = "chat"
    CHAT_FILE = "chat_file"
    CHAT_PROVIDER = "chat_provider"
    CHAT_MODEL_CONFIG = "chat_model_config"
    WORKSPACE = "workspace"
    CHAT_USAGE_LIMIT = "chat_usage_limit"  # The user's or group's, or "everybody".
    BACKUP = "backup"  # Its id, which its file has.
    DATA_KEY = "data_key"  # The key's; the scope's when all of its keys are destroyed.


@dataclass(frozen=True, slots=True)
class RequestContext:
    """From where somebody did it; everything is empty for what no request caused."""

    request_id: str = ""
    source_ip: str = ""
    """The address that API Gateway saw: a proxy's, if there is one."""
    user_agent: str = ""
    companion: Companion | None = field(default=None, repr=False, compare=False)
    """What writes along with each change, if anything does."""


NO_REQUEST = RequestContext()


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one field; None on one side means that nothing was there.

    Attributes:
        old: the value before.
        new: the value after.
        secret: the field holds a secret: all that is told is that it was written.
        abridged: what is shown is not all of it.
    """

    old: Any = None
    new: Any = None
    secret: bool = False
    abridged: bool = False


Diff = Mapping[str, Change]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """What somebody does, before the log has given it its time and id."""

    action: str
    """An `Action`; an older version may read what a newer one wrote."""
    object_type: str
    """An `ObjectType`; as above."""
    object_id: str
    organization_id: str | None
    """The organisation whose admins may read it; None means that only owners may."""
    actor_id: str
    actor_username: str
    """Their name at the time; empty if it was not known."""
    request: RequestContext
    diff: Diff = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(NewEvent):
    """What somebody did. Ids sort by time."""

    id: str
    time: datetime
    size: int
    """About how many bytes the event takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to read; what is None does not matter."""

    organization_id: str | None = None
    actor_id: str | None = None
    object_type: ObjectType | None = None
    object_id: str | None = None
    action: Action | None = None
    since: datetime | None = None
    """Included."""
    until: datetime | None = None
    """Not included."""

    def describe(self) -> str:
        """The same text for the same filter, so that a cursor can be bound to it."""
        return json.dumps(asdict(self), default=str)


@dataclass(frozen=True, slots=True)
class EventRange:
    """Ids from one to another, both included; they stand for times."""

    first: str
    last: str

    @property
    def is_empty(self) -> bool:
        """Whether no id lies in it."""
        return self.first > self.last


@dataclass(frozen=True, slots=True)
class EventPage:
    """Some events, newest first, and the cursor that leads on; empty at the end."""

    events: tuple[Event, ...]
    next_cursor: str = field(repr=False)
