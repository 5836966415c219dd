"""The HTTP API. `register` offers all of it through a Chalice app."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from chalicelib.api import (
    audit,
    chat_models,
    chat_usage,
    chats,
    files,
    groups,
    icons,
    mcp_access,
    mcp_servers,
    mcp_tools,
    organizations,
    sign_in,
    system,
    user_headers,
    users,
    workspaces,
)
from chalicelib.api.errors import plain_error_reply
from chalicelib.api.routing import add_route, to_response
from chalicelib.invocations import observed
from chalicelib.metrics import note
from chalicelib.primitives import new_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services

ROUTES = (
    *system.ROUTES,
    *sign_in.ROUTES,
    *users.ROUTES,
    *organizations.ROUTES,
    *groups.ROUTES,
    *workspaces.ROUTES,
    *mcp_servers.ROUTES,
    *icons.ROUTES,
    *user_headers.ROUTES,
    *mcp_access.ROUTES,
    *mcp_tools.ROUTES,
    *chat_models.ROUTES,
    *chat_usage.ROUTES,
    *chats.ROUTES,
    *files.ROUTES,
    *audit.ROUTES,
)

_FRAMEWORK_ERRORS = {
    400: ("bad_request", "The request is malformed."),
    405: ("method_not_allowed", "This path does not offer the method."),
    415: ("unsupported_media_type", "Send the body as application/json."),
    500: ("internal", "Something went wrong on our side. Try again."),
}


def register(app: Chalice, services: "Callable[[], Services]") -> None:
    """Offer every route; `services` is asked at each request, and answers the same each time."""
    # API Gateway sends bytes only where the first type that a client accepts is one of these; what
    # browsers name first for an image, they name here too, although no icon is an AVIF.
    app.api.binary_types.extend(("image/webp", "image/avif"))
    for route in ROUTES:
        add_route(app, route, services)
    app.middleware("http")(_observed)


def _observed(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """A request with its log line, whoever answers it."""
    request: Request = event
    # Views and refusals shall call it the same.
    request_id = request.context["requestId"] = str(request.context.get("requestId") or new_id())
    with observed("api", "request", request.lambda_context, request_id):
        response = _own_error_body(get_response(event), request_id)
        route = request.context.get("resourcePath")
        note(method=request.method, route=route, status=response.status_code)
        return response


def _own_error_body(response: Response, request_id: str) -> Response:
    """Chalice's own refusals, which never reach a view, in our error body."""
    if not isinstance(response.body, dict):
        return response
    status = response.status_code
    code, message = _FRAMEWORK_ERRORS.get(status, ("error", "The request was refused."))
    note(code=code)
    reply = plain_error_reply(status, code, message, request_id)
    reply.headers["X-Request-Id"] = request_id
    return to_response(reply)
