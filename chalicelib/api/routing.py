"""The edge: from Chalice's requests to our views and back.

A view is a plain function from a `Call` to a `Reply`; what becomes of errors is decided here, once.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalice.app import Chalice, Response

from chalicelib.api.call import SAFE_METHODS, Call
from chalicelib.api.contract import Answer, Parameter, Wire
from chalicelib.api.errors import error_reply, plain_error_reply
from chalicelib.api.idempotency import answer_once
from chalicelib.api.pages import error_page
from chalicelib.api.replies import Reply, redirect_reply
from chalicelib.errors import CiboriumError, UnauthenticatedError
from chalicelib.identity.permissions import TokenScope
from chalicelib.images import IMAGE_TYPES
from chalicelib.logs import describe_exception
from chalicelib.metrics import note

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.sdk.requests.base import Request

_MOST_BODY_BYTES = 256 * 1024
_AREAS = (
    ("/api/experimental/mcp/", TokenScope.MCP),
    ("/api/experimental/chats", TokenScope.CHATS),
    ("/api/v2/organizations", TokenScope.USERS),
    ("/api/v2/users", TokenScope.USERS),
)
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


View = Callable[..., Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint: its method, path and view.

    Attributes:
        public: anybody may ask; otherwise the caller is known before the view runs.
        browser: people see its errors, so they are pages where HTML is accepted.
        form: an HTML form may be posted to it.
        creates: it may be sent again under an `Idempotency-Key`.
        images: its body may be an image.
        most_body_bytes: how large its body may be.
        scope: which tokens are good for it; by its path, if nothing is said.
        any_token: tokens of every scope are; what it answers follows from permissions.

    The rest only describes it, in the OpenAPI document (`openapi.py`) and to the tests:

    Attributes:
        body: tells the wire type of what is sent; a function, since its module is seldom needed.
        reply: what is answered when all is well, if anything.
        status: with which status.
        headers: and with which headers beyond those of every answer.
        also: further answers when all is well.
        query: its query parameters.
        conditional: it heeds `If-Match`.
        errors: statuses of its refusals beyond those that follow from the above.
    """

    method: str
    path: str
    view: View
    public: bool = False
    browser: bool = False
    form: bool = False
    creates: bool = False
    images: bool = False
    most_body_bytes: int = _MOST_BODY_BYTES
    scope: TokenScope | None = None
    any_token: bool = False
    body: "Callable[[], type[Request]] | None" = None
    reply: Wire = None
    status: int = 200
    headers: tuple[str, ...] = ()
    also: tuple[Answer, ...] = ()
    query: tuple[Parameter, ...] = ()
    conditional: bool = False
    errors: tuple[int, ...] = ()

    @property
    def area(self) -> TokenScope:
        """The scope that a token needs, if it does not have all; unknown paths need all."""
        found = (scope for prefix, scope in _AREAS if self.path.startswith(prefix))
        return self.scope or next(found, TokenScope.ALL)

    @property
    def reads(self) -> bool:
        """Whether it changes nothing; what a browser is sent through does."""
        return self.method in SAFE_METHODS and not self.browser

    @property
    def content_types(self) -> list[str]:
        """What its bodies may be; anything else is 415."""
        forms = ["application/x-www-form-urlencoded"] if self.form else []
        images = [*IMAGE_TYPES, "application/octet-stream"] if self.images else []
        return ["application/json", *forms, *images]


def add_route(app: Chalice, route: Route, services: Callable[[], "Services"]) -> None:
    """Offer a route through Chalice."""

    def handle(**arguments: str) -> Response:
        request = app.current_request
        if request is None:  # Chalice sets it before it calls a view.
            raise RuntimeError("called outside of a request")
        reply = answer(Call(request, services(), route), route, arguments)
        return to_response(reply)

    handle.__name__ = f"{route.method.lower()}_{route.view.__name__}"
    app.route(
        route.path,
        methods=[route.method],
        content_types=route.content_types,
        name=handle.__name__,
    )(handle)


def answer(call: Call, route: Route, arguments: dict[str, str]) -> Reply:
    """Run a view; whatever happens, there is a reply."""

    def perform() -> Reply:
        return _attempt(call, route, lambda: route.view(call, **arguments))

    def serve() -> Reply:
        if not route.public:
            _ = call.actor  # Refuses whoever is unknown, before anything is parsed.
        return answer_once(call, route.method, perform) if route.creates else perform()

    with call.services.limited_patience():
        reply = _attempt(call, route, serve)
    reply.headers["X-Request-Id"] = call.request_id
    return replace(reply, cookies=(*reply.cookies, *call.cookies_to_set))


def _attempt(call: Call, route: Route, action: Callable[[], Reply]) -> Reply:
    """What an action answers, or its error as a reply; the log gets what it shall say of that."""
    try:
        return action()
    except CiboriumError as exc:
        note(code=exc.code)
        return _refusal(call, route, exc)
    except Exception as exc:  # noqa: BLE001 -- the last resort, so that nothing leaks
        note(**describe_exception(exc))
        message = "Something went wrong on our side. Try again, or give your admin the request id."
        return plain_error_reply(500, "internal", message, call.request_id)


def to_response(reply: Reply) -> Response:
    """A reply in Chalice's words."""
    headers: dict[str, str | list[str]] = {**_HEADERS, **reply.headers}
    if reply.body or reply.image:
        headers["Content-Type"] = reply.content_type
    if reply.cookies:
        headers["Set-Cookie"] = list(reply.cookies)
    return Response(body=reply.image or reply.body, status_code=reply.status, headers=headers)


def _refusal(call: Call, route: Route, error: CiboriumError) -> Reply:
    if not (route.browser and call.accepts_html):
        return error_reply(error, call.request_id)
    if isinstance(error, UnauthenticatedError):
        path = quote(call.path_after_login or call.path, safe="/")
        login = call.services.public_url.url(f"/login?next={path}")
        return redirect_reply(303, login)
    login = call.services.public_url.url("/login") if call.leads_to_sign_in else ""
    return error_page(error, call.request_id, login)
