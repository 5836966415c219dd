"""The registry of MCP servers, and the caller's connections to them."""

from functools import partial

from chalicelib.api.call import Call
from chalicelib.api.contract import PAGE, Answer, Parameter
from chalicelib.api.cookies import build_cookie
from chalicelib.api.pages import connected_page
from chalicelib.api.preconditions import build_etag, parse_if_match
from chalicelib.api.replies import Reply, json_reply, redirect_reply
from chalicelib.api.routing import Route
from chalicelib.api.server_wire import to_server
from chalicelib.mcp_servers.reading import ServerView
from chalicelib.oauth2.client_metadata import ClientMetadata
from chalicelib.oauth2.flow import (
    FLOW_SECONDS,
    STATE_COOKIE,
    VERIFIER_COOKIE,
    CallbackQuery,
)
from chalicelib.oauth2.own_urls import callback_path, connect_path
from chalicelib.primitives import parse_id
from chalicelib.sdk import requests
from chalicelib.sdk.mcp_servers import DisconnectReply, MCPServerConfig


def list_servers(call: Call) -> Reply:
    """The servers that the caller may see.

    Each with `auth_connected` for the caller.
    """
    found = call.services.mcp_servers.list_visible(call.actor)
    return json_reply([to_server(view, call.services.oauth2_urls.callback) for view in found])


def create_server(call: Call) -> Reply:
    """Add a server, discovering its OAuth2 settings where none are given.

    For owners. `slug` is made from the name when absent.
    """
    request = call.body(requests.mcp_servers.CreateMCPServerConfigRequest)
    return _server_reply(call, call.services.mcp_servers.create(call.actor, request), 201)


def get_server(call: Call, server_id: str) -> Reply:
    """One server."""
    return _server_reply(call, call.services.mcp_servers.get(call.actor, server_id))


def update_server(call: Call, server_id: str) -> Reply:
    """Change a server; with `If-Match` only the version that the caller read.

    For owners. Only what is named changes; `null` changes nothing; empty clears. What belongs to
    another `auth_type` than the resulting one is removed. Moving the server (`url`, `auth_type`,
    token URL, revocation URL, client id) voids every connection, and a secret that would go to
    another host must be entered again.
    """
    versions = parse_if_match(call.header("if-match"))
    request = call.body(requests.mcp_servers.UpdateMCPServerConfigRequest)
    return _server_reply(
        call, call.services.mcp_servers.update(call.actor, server_id, request, versions)
    )


def delete_server(call: Call, server_id: str) -> Reply:
    """Remove a server and every connection to it; `If-Match` as for a change.

    For owners.
    """
    versions = parse_if_match(call.header("if-match"))
    call.services.mcp_servers.delete(call.actor, server_id, versions)
    return Reply(204)


def rediscover(call: Call, server_id: str) -> Reply:
    """Discover the OAuth2 settings again and get a client there; `If-Match` as for a change.

    For owners. 400 says which step failed, and nothing has changed then. A client entered by hand
    and a pinned issuer stay; a client secret entered by hand is never taken to another host.
    Connections are void when client or destination change.
    """
    versions = parse_if_match(call.header("if-match"))
    return _server_reply(
        call, call.services.mcp_servers.rediscover(call.actor, server_id, versions)
    )


def connect(call: Call, server_id: str) -> Reply:
    """Send the caller's browser to the authorization server.

    A page that opens this in a popup gets the message `{"type": "mcp-oauth2-complete", "serverID":
    "<id>"}` from it, sent to Ciborium's own origin only.
    """
    started = call.services.connections.start(call.actor, server_id)
    cookies = _flow_cookies(
        call, started.server_id, state=started.state, verifier=started.sealed_flow
    )
    return redirect_reply(307, started.authorization_url, cookies)


def callback(call: Call, server_id: str) -> Reply:
    """The authorization server sends the browser back here; the cookies go, good or bad.

    The route is public so that they go even if the caller is no longer signed in.
    """
    query = CallbackQuery(
        code=call.query("code") or "",
        state=call.query("state") or "",
        iss=call.query("iss"),
        error=call.query("error") or "",
        error_description=call.query("error_description") or "",
        state_cookie=call.cookies.get(STATE_COOKIE + server_id, ""),
        sealed_flow=call.cookies.get(VERIFIER_COOKIE + server_id, ""),
    )
    if parse_id(server_id):
        call.cookies_to_set = _flow_cookies(call, server_id, state="", verifier="")
        call.path_after_login = connect_path(server_id)  # What is left of this flow is gone.
    call.services.connections.finish(call.actor, server_id, query)
    return connected_page(call.services.public_url, server_id)


def disconnect(call: Call, server_id: str) -> Reply:
    """Forget the caller's tokens, then revoke them at the provider."""
    outcome = call.services.connections.disconnect(call.actor, server_id)
    return json_reply(
        DisconnectReply(
            token_revoked=outcome.revoked, token_revocation_error=outcome.problem or None
        )
    )


def client_metadata(call: Call, server_id: str) -> Reply:
    """Our Client ID Metadata Document, for authorization servers to read."""
    reply = json_reply(call.services.connections.client_metadata(server_id))
    reply.headers["Cache-Control"] = "public, max-age=300"
    return reply


def _server_reply(call: Call, view: ServerView, status: int = 200) -> Reply:
    """One server, with the version that a change can insist on."""
    reply = json_reply(to_server(view, call.services.oauth2_urls.callback), status)
    reply.headers["ETag"] = build_etag(view.server.version)
    return reply


def _flow_cookies(call: Call, server_id: str, *, state: str, verifier: str) -> tuple[str, str]:
    """The two cookies of a flow, scoped to its callback; empty values remove them."""
    public_url = call.services.public_url
    build = partial(
        build_cookie,
        path=public_url.cookie_path(callback_path(server_id)),
        secure=public_url.is_https,
    )
    return (
        build(STATE_COOKIE + server_id, state, max_age=FLOW_SECONDS if state else 0),
        build(VERIFIER_COOKIE + server_id, verifier, max_age=FLOW_SECONDS if verifier else 0),
    )


_ALL = "/api/experimental/mcp/servers"
_ONE = f"{_ALL}/{{server_id}}"
_TO_SIGN_IN = Answer(303, headers=("Location",))
ROUTES = (
    Route("GET", _ALL, list_servers, reply=list[MCPServerConfig]),
    Route(
        "POST",
        _ALL,
        create_server,
        creates=True,
        body=lambda: requests.mcp_servers.CreateMCPServerConfigRequest,
        reply=MCPServerConfig,
        status=201,
        headers=("ETag",),
        errors=(502, 504),
    ),
    Route("GET", _ONE, get_server, reply=MCPServerConfig, headers=("ETag",)),
    Route(
        "PATCH",
        _ONE,
        update_server,
        conditional=True,
        body=lambda: requests.mcp_servers.UpdateMCPServerConfigRequest,
        reply=MCPServerConfig,
        headers=("ETag",),
        errors=(502, 504),
    ),
    Route("DELETE", _ONE, delete_server, conditional=True, status=204),
    Route(
        "POST",
        f"{_ONE}/rediscover",
        rediscover,
        conditional=True,
        reply=MCPServerConfig,
        headers=("ETag",),
        errors=(502, 504),
    ),
    Route(
        "GET",
        f"{_ONE}/oauth2/connect",
        connect,
        browser=True,
        status=307,
        headers=("Location",),
        also=(_TO_SIGN_IN,),
        errors=(409,),
    ),
    Route(
        "GET",
        f"{_ONE}/oauth2/callback",
        callback,
        public=True,
        browser=True,
        reply=PAGE,
        also=(_TO_SIGN_IN,),
        query=(
            Parameter("code", "The authorization code (RFC 6749 section 4.1.2)."),
            Parameter("state", "As it was sent to the authorization server."),
            Parameter("iss", "The authorization server's issuer (RFC 9207)."),
            Parameter("error", "The authorization server's refusal, instead of a code."),
            Parameter("error_description", "What it says about it."),
        ),
        errors=(401, 403, 409, 502, 504),
    ),
    Route("DELETE", f"{_ONE}/oauth2/disconnect", disconnect, reply=DisconnectReply, errors=(409,)),
    Route(
        "GET",
        f"{_ONE}/oauth2/client-metadata.json",
        client_metadata,
        public=True,
        reply=ClientMetadata,
    ),
)
