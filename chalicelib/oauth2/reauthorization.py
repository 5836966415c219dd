"""What a user must do when an MCP server refuses their request: connect, step up, or nothing.

Authorization is found lazily (MCP authorization, "Authorization Flow Steps"): each refusal is the
server's chance to say that it has moved to another authorization server, or wants other scopes.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from chalicelib.egress import Egress
from chalicelib.errors import CiboriumError, InvalidInputError, UpstreamError, UpstreamTimeoutError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import Permission
from chalicelib.mcp_servers.models import MCPServer, Registration
from chalicelib.mcp_servers.service import MCPServerService
from chalicelib.oauth2.challenge import find_bearer_challenge
from chalicelib.oauth2.discovery import reread_resource
from chalicelib.oauth2.errors import (
    AccessRefusedError,
    AuthorizationServerChangedError,
    ConnectRequiredError,
    RefusalsChangedError,
    StepUpRequiredError,
)
from chalicelib.oauth2.models import ProtectedResourceMetadata, Refusals
from chalicelib.oauth2.own_urls import OwnURLs
from chalicelib.oauth2.repository import ConnectionRepository, RefusalsRepository
from chalicelib.oauth2.scopes import join_scopes
from chalicelib.primitives import Clock
from chalicelib.storage import time_key

MOST_TRIES = 3
"""With how many grants an operation is tried before the user is asked no more (rule 51)."""

_MEMORY = timedelta(hours=1)
# A token that is refused later than this has been good for a while, so it was no failed try.
_TRIAL = timedelta(minutes=5)
_MOST_OPERATIONS = 100


class Reauthorizer:
    """Judges refusals; lives as long as the container."""

    def __init__(
        self,
        connections: ConnectionRepository,
        refusals: RefusalsRepository,
        servers: MCPServerService,
        egress: Egress,
        urls: OwnURLs,
        clock: Clock,
    ) -> None:
        self._connections = connections
        self._refusals = refusals
        self._servers = servers
        self._egress = egress
        self._urls = urls
        self._clock = clock

    def judge(
        self,
        actor: Actor,
        server: MCPServer,
        operation: str,
        status: int,
        www_authenticate: Sequence[str],
    ) -> CiboriumError:
        """The error to raise for a request of the actor that a server refused with 401 or 403.

        Args:
            actor: whose connection was refused.
            server: who refused it.
            operation: what was asked for, such as `tools/list`; tries are counted for each.
            status: 401, which no fresh token could help, or 403.
            www_authenticate: the challenges as sent.

        Returns:
            ConnectRequiredError, StepUpRequiredError: the user can help it in a browser.
            AccessRefusedError: nobody here can.
            AuthorizationServerChangedError or, for an admin, what went wrong with another client:
                an admin must help.
        """
        challenge = find_bearer_challenge(www_authenticate)
        parameters = challenge.parameters if challenge else {}
        if status == 403 and not _is_about_scopes(parameters):
            return AccessRefusedError()
        resource = reread_resource(self._egress, server.url, parameters.get("resource_metadata"))
        connect_url = self._urls.connect(server.id)
        if resource and _has_moved(server, resource):
            is_admin = actor.may(Permission.MCP_SERVER_READ)
            problem = self._follow(actor, server, tells_why=is_admin)
            return problem or ConnectRequiredError(connect_url)
        scopes = parameters.get("scope", "").split()
        if status == 403 and not scopes and resource:
            scopes = list(resource.scopes_supported)
        if not self._may_ask_again(actor, server, operation, status, scopes):
            return AccessRefusedError(tries=MOST_TRIES)
        kind = StepUpRequiredError if status == 403 else ConnectRequiredError
        return kind(connect_url)

    def find_move(self, actor: Actor, server: MCPServer) -> CiboriumError | None:
        """The error to raise where a server's authorization server fails us, if it is another now.

        Returns:
            ConnectRequiredError: the server has moved, and we have a client where it moved to.
            AuthorizationServerChangedError: it has moved, and an admin must help.
            None: it has not moved, as far as can be learnt.
        """
        if not server.oauth2.issuer:
            return None
        resource = reread_resource(self._egress, server.url, None)
        if resource is None or not _has_moved(server, resource):
            return None
        problem = self._follow(actor, server, tells_why=False)
        return problem or ConnectRequiredError(self._urls.connect(server.id))

    def scope_for(self, user_id: str, server: MCPServer) -> str:
        """What to ask for when a user connects: the server's scopes, and lately refused ones."""
        lately = self._recall(user_id, server).scope
        return join_scopes(server.oauth2.scopes.split(), lately.split())

    def _follow(self, actor: Actor, server: MCPServer, *, tells_why: bool) -> CiboriumError | None:
        """Go with the server to its new authorization server; the problem, if there is one."""
        if server.oauth2.registration is Registration.MANUAL or server.oauth2.issuer_is_pinned:
            return AuthorizationServerChangedError()
        try:
            self._servers.replace_client(actor, server)
        except (InvalidInputError, UpstreamError, UpstreamTimeoutError) as exc:
            return exc if tells_why else AuthorizationServerChangedError()
        return None

    def _may_ask_again(
        self,
        actor: Actor,
        server: MCPServer,
        operation: str,
        status: int,
        scopes: Sequence[str],
    ) -> bool:
        """Remember the refusal, and whether the user may be asked to connect once more.

        Only a grant that the user has made since counts as a further try: a page that asks every
        few seconds does not use them up. Nor does a token that ends after a while.
        """
        connection = self._connections.find(actor.user_id, server.id)
        if connection is None:
            return True
        before = self._recall(actor.user_id, server)
        grants = list(before.grants.get(operation, ()))
        is_try = status == 403 or connection.created_at + _TRIAL > self._clock()
        if is_try:
            grants = list(dict.fromkeys([*grants, time_key(connection.created_at)]))[-MOST_TRIES:]
        after = replace(
            before,
            scope=join_scopes(connection.requested_scope.split(), before.scope.split(), scopes),
            grants=_keep_latest({**before.grants, operation: grants}, operation),
            until=self._clock() + _MEMORY,
            version=before.version + 1,
        )
        if (after.scope, after.grants) != (before.scope, before.grants):
            with suppress(RefusalsChangedError):  # Another refusal of this moment stands for ours.
                self._refusals.put(after)
        return not is_try or len(grants) < MOST_TRIES

    def _recall(self, user_id: str, server: MCPServer) -> Refusals:
        """What the server refused to the user lately; nothing of it counts for another client."""
        now, found = self._clock(), self._refusals.find(user_id, server.id)
        if found and found.until > now and found.grant_generation == server.grant_generation:
            return found
        return Refusals(
            user_id=user_id,
            server_id=server.id,
            grant_generation=server.grant_generation,
            scope="",
            grants={},
            until=now,
            version=found.version if found else 0,
        )


def _is_about_scopes(parameters: Mapping[str, str]) -> bool:
    """Whether a 403 says that other scopes would do (RFC 6750 section 3.1)."""
    return parameters.get("error") == "insufficient_scope" or bool(parameters.get("scope"))


def _has_moved(server: MCPServer, resource: ProtectedResourceMetadata) -> bool:
    issuer = server.oauth2.issuer
    exactly = not server.oauth2.issuer_is_pinned
    return bool(issuer) and not resource.names(issuer, exactly=exactly)


def _keep_latest(grants: dict[str, Sequence[str]], operation: str) -> Mapping[str, Sequence[str]]:
    return grants if len(grants) <= _MOST_OPERATIONS else {operation: grants[operation]}
