"""From an MCP server's URL to its authorization server (MCP authorization, discovery).

The server's challenge or a well-known place gives the resource's metadata (RFC 9728); that names
authorization servers, whose metadata (RFC 8414, OpenID Connect Discovery) names the endpoints.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from urllib.parse import urldefrag

from chalicelib.egress import (
    Deadline,
    Egress,
    EgressConnectionError,
    EgressRefusedError,
    EgressResponseError,
    EgressTimeoutError,
)
from chalicelib.oauth2.challenge import Challenge, find_bearer_challenge
from chalicelib.oauth2.errors import DiscoveryError, UnusableDocumentError
from chalicelib.oauth2.metadata import (
    build_authorization_server_metadata_urls,
    build_protected_resource_metadata_urls,
    is_resource_of,
    parse_authorization_server_metadata,
    parse_protected_resource_metadata,
)
from chalicelib.oauth2.models import (
    AuthorizationServerMetadata,
    Discovery,
    ProtectedResourceMetadata,
)
from chalicelib.oauth2.scopes import choose_scopes

# API Gateway gives a request 29 seconds; registration and the writes need theirs too.
DISCOVERY_SECONDS = 15.0
_REQUEST_SECONDS = 5.0
_MOST_SERVERS = 5
_PROTOCOL_VERSION = "2026-07-28"
_RESOURCE_STEP = "protected resource metadata (RFC 9728)"
_SERVER_STEP = "authorization server metadata (RFC 8414)"

T = TypeVar("T")


def discover(
    egress: Egress, server_url: str, *, issuer: str = "", budget: float = DISCOVERY_SECONDS
) -> Discovery:
    """Find out how users authorise us at an MCP server, from its URL alone.

    Args:
        egress: the way out.
        server_url: the MCP endpoint.
        issuer: the authorization server that an admin insists on, which also does for a server
            without metadata; it may differ by a trailing slash from what the metadata says.
        budget: seconds for all requests together.

    Raises:
        DiscoveryError: a step found nothing usable; the message names each URL and its problem.
        EgressRefusedError: no request may be sent to the server itself.
    """
    server_url = urldefrag(server_url).url
    search = _Search(egress, Deadline(budget))
    challenge = search.probe(server_url)
    parameters = challenge.parameters if challenge else {}
    resource = search.find_resource(server_url, parameters.get("resource_metadata"))
    if resource is None and not issuer:
        raise DiscoveryError(_RESOURCE_STEP, search.attempts)
    if resource and issuer and not resource.names(issuer, exactly=False):
        problem = "it names other authorization servers than oauth2_issuer"
        raise DiscoveryError(_RESOURCE_STEP, [(server_url, problem)])
    named = resource.authorization_servers if resource else ()
    server = search.find_server((issuer,) if issuer else named)
    challenged = parameters.get("scope", "").split()
    offered = resource.scopes_supported if resource else ()
    return Discovery(
        resource=resource.resource if resource else server_url,
        scopes=choose_scopes(challenged, offered, server.scopes_supported),
        server=server,
    )


def reread_resource(
    egress: Egress, server_url: str, resource_metadata: str | None
) -> ProtectedResourceMetadata | None:
    """What a server that we know says of itself now, or None if it cannot be learnt.

    Args:
        egress: the way out.
        server_url: the MCP endpoint.
        resource_metadata: the URL that its challenge names, if any.
    """
    search = _Search(egress, Deadline(_REQUEST_SECONDS))
    try:
        return search.find_resource(urldefrag(server_url).url, resource_metadata)
    except DiscoveryError:
        return None


class _Search:
    """One discovery: what was tried, and the time that is left."""

    def __init__(self, egress: Egress, deadline: Deadline) -> None:
        self._egress = egress
        self._deadline = deadline
        self.attempts: list[tuple[str, str]] = []

    def probe(self, server_url: str) -> Challenge | None:
        """The challenge with which a server answers a request without a token.

        Listing tools is what we shall want: some servers leave `initialize` open. Whatever else
        the server answers is no failure, because its metadata may still be at a well-known place.
        """
        method = "tools/list"
        content = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": method,
            "params": {
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": _PROTOCOL_VERSION,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }
            },
        }
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": _PROTOCOL_VERSION,
            "Mcp-Method": method,
        }
        try:
            # Streamed, because only the header is wanted: the body may be an endless stream.
            with self._egress.stream(
                "POST",
                server_url,
                headers=headers,
                content=json.dumps(content).encode(),
                budget=self._time_for_request(),
            ) as answer:
                challenge = find_bearer_challenge(answer.headers.get_list("WWW-Authenticate"))
                status = answer.status
        except (EgressConnectionError, EgressResponseError, EgressTimeoutError) as exc:
            self.attempts.append((server_url, exc.message.rstrip(".")))
            return None
        if challenge is None:
            self.attempts.append((server_url, f"HTTP {status} without a Bearer challenge"))
        return challenge

    def find_resource(
        self, server_url: str, resource_metadata: str | None
    ) -> ProtectedResourceMetadata | None:
        """The server's own metadata, or None if there is none.

        Raises:
            DiscoveryError: it is another resource's.
        """
        try:
            candidates = build_protected_resource_metadata_urls(server_url, resource_metadata)
        except UnusableDocumentError as exc:
            raise DiscoveryError(_RESOURCE_STEP, [(server_url, exc.message)]) from exc
        for url in candidates:
            found = self._try(url, parse_protected_resource_metadata)
            if found is None:
                continue
            if is_resource_of(found.resource, server_url):
                self.attempts.clear()
                return found
            # No further candidate: a server that speaks for another resource is wrong or hostile.
            self.attempts.append((url, "its resource is not this server's URL"))
            raise DiscoveryError(_RESOURCE_STEP, self.attempts)
        return None

    def find_server(self, issuers: tuple[str, ...]) -> AuthorizationServerMetadata:
        """The first authorization server that can be used.

        Raises:
            DiscoveryError: none can.
        """
        for issuer in issuers[:_MOST_SERVERS]:
            try:
                candidates = build_authorization_server_metadata_urls(issuer)
            except UnusableDocumentError as exc:
                self.attempts.append((issuer, exc.message))
                continue
            for url in candidates:
                parse = partial(parse_authorization_server_metadata, issuer=issuer)
                found = self._try(url, parse)
                if found is not None:
                    return found
        raise DiscoveryError(_SERVER_STEP, self.attempts)

    def _try(self, url: str, parse: Callable[[bytes], T]) -> T | None:
        """A candidate's document, or None after noting why it cannot be used."""
        try:
            return parse(self._fetch(url))
        except (
            UnusableDocumentError,
            EgressConnectionError,
            EgressRefusedError,
            EgressResponseError,
            EgressTimeoutError,
        ) as exc:
            self.attempts.append((url, exc.message.rstrip(".")))
            return None

    def _fetch(self, url: str) -> bytes:
        seconds = self._time_for_request()
        if seconds <= 0:
            raise UnusableDocumentError("not asked, because discovery took too long")
        response = self._egress.request(
            "GET",
            url,
            headers={"Accept": "application/json", "MCP-Protocol-Version": _PROTOCOL_VERSION},
            budget=seconds,
        )
        if response.status != 200:
            raise UnusableDocumentError(f"HTTP {response.status}")
        return response.body

    def _time_for_request(self) -> float:
        return min(_REQUEST_SECONDS, self._deadline.remaining())
