"""Which module offers a path. So a function loads what it is asked for, and no more.

In Lambda a cold start is over when the first request is answered; the views of the others, with
their services and wire types, would take several times as long to load as the one that is wanted.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chalicelib.api.routing import Route

_V2 = "/api/v2"
_ORGANIZATION = "/api/v2/organizations/{organization_id}"
_MCP = "/api/experimental/mcp"
_SERVER = "/api/experimental/mcp/servers/{server_id}"
_CHATS = "/api/experimental/chats"
# Of the paths that one begins with, the longest says whose it is. In this order they are listed.
_HOMES = {
    "system": ("/healthz", "/readyz", f"{_V2}/buildinfo", f"{_V2}/openapi.json"),
    "sign_in": ("/login", f"{_V2}/users/login", f"{_V2}/users/logout", f"{_V2}/users/oidc"),
    "users": (f"{_V2}/users",),
    "organizations": (f"{_V2}/organizations",),
    "groups": (f"{_ORGANIZATION}/groups",),
    "workspaces": (f"{_ORGANIZATION}/workspaces",),
    "mcp_servers": (f"{_MCP}/servers",),
    "icons": (f"{_SERVER}/icon",),
    "user_headers": (f"{_SERVER}/user-headers",),
    "mcp_access": (f"{_SERVER}/acl",),
    "mcp_tools": (f"{_MCP}/tools", f"{_SERVER}/tools"),
    "chat_models": (f"{_CHATS}/models", f"{_CHATS}/providers", f"{_CHATS}/model-configs"),
    "chat_usage": (f"{_CHATS}/usage-limits", f"{_CHATS}/cost"),
    "chats": (_CHATS,),
    "files": (f"{_CHATS}/files",),
    "audit": (f"{_V2}/audit",),
}
_OFFERED_BY = {path: module for module, paths in _HOMES.items() for path in paths}


def find_home(path: str) -> str | None:
    """The name of the module that offers a path (as the route has it), if any does."""
    parts = path.split("/")
    for count in range(len(parts), 1, -1):
        module = _OFFERED_BY.get("/".join(parts[:count]))
        if module:
            return module
    return None


def load_routes(module: str) -> "tuple[Route, ...]":
    """A module's routes."""
    routes: tuple[Route, ...] = import_module(f"chalicelib.api.{module}").ROUTES
    return routes


def load_all_routes() -> "tuple[Route, ...]":
    """Every route, in the order in which they are documented."""
    return tuple(route for module in _HOMES for route in load_routes(module))
