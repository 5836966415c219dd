"""What reading a file gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..mcp_servers import Transport
from ..requests.mcp_servers import CreateMCPServerConfigRequest


class InterchangeError(ValueError):
    """The file is of no form that we read; the message says why, and holds none of its values."""


@dataclass(frozen=True, slots=True)
class RemoteServer:
    """A server as a file describes it, its placeholders filled in."""

    name: str
    display_name: str
    transport: Transport
    url: str
    headers: Mapping[str, str] = field(repr=False)  # They may hold secrets.
    description: str = ""
    disabled: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportedServer:
    """A server that can be created.

    Attributes:
        name: what the file calls it.
        request: what to create.
        notes: what of it is not taken over, or was guessed.
    """

    name: str
    request: CreateMCPServerConfigRequest
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedServer:
    """A server that is not taken over.

    Attributes:
        name: what the file calls it.
        reason: why, and what to do about it.
        missing: the placeholders that have no value yet.
    """

    name: str
    reason: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Import:
    """What a file holds: each of its servers is in one of the two."""

    servers: tuple[ImportedServer, ...]
    skipped: tuple[SkippedServer, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """The placeholders that need a value, each once."""
        return tuple(dict.fromkeys(name for each in self.skipped for name in each.missing))


class SkipServer(Exception):  # noqa: N818 -- not an error: one entry of many is left out
    """This entry cannot be taken over."""

    def __init__(self, reason: str, missing: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.missing = missing
