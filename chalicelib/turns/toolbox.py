"""Which tools a step has: those of the owner's permitted servers, connected to all at once."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.chats.models import Chat
from chalicelib.errors import CiboriumError
from chalicelib.identity.models import Actor
from chalicelib.mcp_client.errors import ToolsUnavailableError
from chalicelib.mcp_client.governing import GovernedTool
from chalicelib.mcp_client.service import ServerTools, ToolService
from chalicelib.mcp_servers.models import MCPServer
from chalicelib.mcp_servers.selection import ServerSelection
from chalicelib.organizations.models import Membership
from chalicelib.primitives import Clock
from chalicelib.sdk.chats import ServerEvent, ServerOutcome
from chalicelib.sdk.mcp_servers import ToolRule
from chalicelib.turns.intent import wrap
from chalicelib.turns.naming import build_names
from chalicelib.turns.providers.models import ToolSpec

PATIENCE_SECONDS = 12.0  # A server has ten; a token may have to be renewed before.
_SKIPPED_FOR = timedelta(seconds=60)
_MOST_REMEMBERED = 1000
_MOST_SERVERS = 64
_CONNECT_CODES = frozenset(
    {"connect_required", "step_up_required", "user_headers_required", "sign_in_required"}
)
_LATE_CODES = frozenset({"mcp_listing_timeout", "upstream_timeout", "egress_timeout"})


@dataclass(frozen=True, slots=True)
class TurnTool:
    """A tool as a model is offered it."""

    spec: ToolSpec
    server: MCPServer
    name: str
    """As its server knows it."""
    asks: bool
    """Whether the owner is asked before each call."""


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What a step has, and what became of the servers that it wanted tools of."""

    tools: Mapping[str, TurnTool] = field(default_factory=dict)
    """By the names that the model knows, in their order."""
    events: Sequence[ServerEvent] = ()
    """One for each server that did not give any."""

    @property
    def size(self) -> int:
        """Characters that a model reads of it."""
        return sum(
            len(tool.spec.description) + len(json.dumps(tool.spec.input_schema))
            for tool in self.tools.values()
        )


class Toolboxes:
    """Fills toolboxes; lives as long as the container, and remembers who was too slow.

    Args:
        selection: which servers a chat has.
        tools: lists their tools.
        clock: the time.
        patience: for how many seconds a step waits for the slowest server.
    """

    def __init__(
        self,
        selection: ServerSelection,
        tools: ToolService,
        clock: Clock,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._selection = selection
        self._tools = tools
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._slow: dict[tuple[str, int, str], datetime] = {}

    def find_servers(
        self, actor: Actor, membership: Membership, chat: Chat
    ) -> dict[str, MCPServer]:
        """The servers that the chat's owner may use in it right now, by id."""
        servers = self._selection.for_step(actor, membership, chat.mcp_server_ids)
        return {server.id: server for server in servers[:_MOST_SERVERS]}

    def fill(self, actor: Actor, membership: Membership, chat: Chat) -> Toolbox:
        """Everything that the model may be offered; a server that fails costs only its tools.

        Whoever timed out is not asked again for a minute: it would hold up every step.
        """
        servers = list(self.find_servers(actor, membership, chat).values())
        asked = [each for each in servers if not self._is_slow(actor, each)]
        listings = self._tools.list_of(actor, asked, self._patience) if asked else []
        events = [
            _event(each, ServerOutcome.TIMEOUT, "It did not answer in time a moment ago.")
            for each in servers
            if each not in asked
        ]
        found: list[tuple[MCPServer, GovernedTool]] = []
        for listing in listings:
            usable = [tool for tool in listing.tools if tool.reason is None]
            found += [(listing.server, tool) for tool in usable]
            if listing.error is not None:
                events.append(self._explain(actor, listing, listing.error))
            elif not usable:
                events.append(_event(listing.server, ServerOutcome.NO_TOOLS, None))
        return Toolbox(_offer(found), events)

    def _explain(self, actor: Actor, listing: ServerTools, error: CiboriumError) -> ServerEvent:
        server = listing.server
        if error.code in _CONNECT_CODES:
            url = error.extra().get("connect_url")
            return _event(server, ServerOutcome.CONNECT_REQUIRED, error.message, url)
        if _find_code(error) in _LATE_CODES:
            with self._lock:
                if len(self._slow) >= _MOST_REMEMBERED:
                    self._slow.clear()
                self._slow[(server.id, server.version, actor.user_id)] = self._clock()
            return _event(server, ServerOutcome.TIMEOUT, error.message)
        return _event(server, ServerOutcome.ERROR, error.message)

    def _is_slow(self, actor: Actor, server: MCPServer) -> bool:
        since = self._slow.get((server.id, server.version, actor.user_id))
        return since is not None and self._clock() - since < _SKIPPED_FOR


def _find_code(error: CiboriumError) -> str:
    """What became of a server, also where its user is not to be told."""
    hidden = error.__cause__ if isinstance(error, ToolsUnavailableError) else None
    return hidden.code if isinstance(hidden, CiboriumError) else error.code


def _offer(found: Sequence[tuple[MCPServer, GovernedTool]]) -> dict[str, TurnTool]:
    names = build_names((server.slug, each.tool.name) for server, each in found)
    offered = {names[(server.slug, each.tool.name)]: (server, each) for server, each in found}
    return {
        name: TurnTool(
            spec=ToolSpec(name, each.tool.description, _schema(server, each.tool.input_schema)),
            server=server,
            name=each.tool.name,
            asks=each.rule is ToolRule.ASK,
        )
        for name, (server, each) in sorted(offered.items())
    }


def _schema(server: MCPServer, schema: dict[str, Any]) -> dict[str, Any]:
    return wrap(schema) if server.model_intent else schema


def _event(
    server: MCPServer, outcome: ServerOutcome, detail: str | None, url: str | None = None
) -> ServerEvent:
    return ServerEvent(
        mcp_server_config_id=server.id,
        server_name=server.display_name,
        outcome=outcome,
        detail=detail,
        connect_url=url,
    )
