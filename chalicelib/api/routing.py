"""The edge: from Chalice's requests to our views and back.

A view is a plain function from a `Call` to a `Reply`. What every request needs is done here, once:
who makes it, whether a browser was tricked into it, and what becomes of errors.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

from chalice.app import Chalice, Response
from chalice.app import Request as ChaliceRequest

from chalicelib.api.contract import Answer, Parameter, Wire
from chalicelib.api.cookies import parse_cookies, session_cookie_name
from chalicelib.api.errors import (
    BodyTooLargeError,
    ForeignOriginError,
    InvalidQueryError,
    body_error,
    error_reply,
    plain_error_reply,
)
from chalicelib.api.idempotency import answer_once
from chalicelib.api.pages import error_page
from chalicelib.api.replies import Reply, redirect_reply
from chalicelib.audit import RequestContext
from chalicelib.errors import CiboriumError, UnauthenticatedError
from chalicelib.identity.errors import MissingTokenError
from chalicelib.identity.models import Actor
from chalicelib.identity.permissions import TokenScope
from chalicelib.images import IMAGE_TYPES
from chalicelib.logs import describe_exception
from chalicelib.metrics import note
from chalicelib.primitives import new_id

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.sdk.requests.base import Request

M = TypeVar("M", bound="Request")
_MOST_BODY_BYTES = 256 * 1024
_LONGEST_USER_AGENT = 256
_DEFAULT_LIMIT = 50
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
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


class Call:
    """One request, as a view sees it; it lives as long as the request."""

    def __init__(self, request: ChaliceRequest, services: "Services", route: "Route") -> None:
        self._request = request
        self._route = route
        self.services = services
        self.request_id = str(request.context.get("requestId") or new_id())
        self.cookies_to_set: tuple[str, ...] = ()
        """Set on the reply whatever it turns out to be; a refusal, too, must clear cookies."""
        self.path_after_login = ""
        """Where to go on after signing in, if not here."""
        self.leads_to_sign_in = False
        """Whether the page of an error leads to the sign-in page."""

    @cached_property
    def actor(self) -> Actor:
        """Who makes the request.

        Raises:
            UnauthenticatedError: no credentials, or bad ones.
            ForeignOriginError: a session cookie came along with another site's request.
            TokenScopeError: the token is not good for this route.
        """
        token = self._bearer_token()
        if not token:
            token = self.cookies.get(session_cookie_name(self.services.public_url), "")
            if token and self._request.method not in _SAFE_METHODS:
                self.require_own_origin()
        if not token:
            raise MissingTokenError
        actor = self.services.identity.authenticate(token, self.context)
        if not self._route.any_token:
            actor.require_scope(self._route.area, reading=self._route.reads)
        note(actor_id=actor.user_id)
        return actor

    @cached_property
    def context(self) -> RequestContext:
        """From where the request comes, for the audit log."""
        identity = self._request.context.get("identity") or {}
        agent = "".join(each for each in self.header("user-agent") if each.isprintable())
        source_ip = str(identity.get("sourceIp") or "")
        return RequestContext(self.request_id, source_ip, agent[:_LONGEST_USER_AGENT])

    @cached_property
    def cookies(self) -> dict[str, str]:
        """The request's cookies."""
        return parse_cookies(self.header("cookie"))

    def header(self, name: str) -> str:
        """A header's value, or an empty text."""
        return str(self._request.headers.get(name) or "")

    def query(self, name: str) -> str | None:
        """A query parameter's value; of several the last."""
        parameters = self._request.query_params
        return None if parameters is None else parameters.get(name)

    def queries(self, name: str) -> list[str]:
        """All values of a query parameter that may be repeated."""
        parameters = self._request.query_params
        return [] if parameters is None or name not in parameters else parameters.getlist(name)

    def number(self, name: str) -> int | None:
        """A query parameter's value as a whole number.

        Raises:
            InvalidQueryError: it is none, or has more than twelve digits.
        """
        text = self.query(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 12):
            raise InvalidQueryError(name, "must be a whole number")
        return int(text)

    def limit(self) -> int:
        """How many things a page shall have; services say how many it may have.

        Raises:
            InvalidQueryError: it is not a whole number.
        """
        asked = self.number("limit")
        return _DEFAULT_LIMIT if asked is None else asked

    @property
    def path(self) -> str:
        """The path that was asked for, below the public base URL."""
        # Chalice gives the route's pattern and, apart from it, what stood for its variables.
        return str(self._request.path).format(**(self._request.uri_params or {}))

    @property
    def target(self) -> str:
        """The path and the query, which is the same whatever the order of the parameters."""
        names = sorted(self._request.query_params or ())
        query = urlencode([(name, each) for name in names for each in self.queries(name)])
        return f"{self.path}?{query}" if query else self.path

    @property
    def is_form(self) -> bool:
        """Whether an HTML form sent the body."""
        return self.header("content-type").startswith("application/x-www-form-urlencoded")

    @property
    def accepts_html(self) -> bool:
        """Whether a person with a browser waits for the answer."""
        return "text/html" in self.header("accept")

    def raw_body(self) -> bytes:
        """The body as it came.

        Raises:
            BodyTooLargeError: it is over what the route takes.
        """
        body: bytes | str = self._request.raw_body
        most = self._route.most_body_bytes
        if len(body) > most:
            raise BodyTooLargeError(f"The body must be at most {most // 1024} KiB; send less.")
        return body if isinstance(body, bytes) else body.encode()

    def body(self, model: type[M]) -> M:
        """The JSON body as a request type.

        Raises:
            InvalidBodyError: it is not JSON, or not of the type; it names the fields.
        """
        from pydantic import ValidationError

        body = self.raw_body() or b"{}"
        try:
            return model.model_validate_json(body)
        except ValidationError as exc:
            raise body_error(exc, _load(body)) from None  # The cause would carry what was sent.

    def require_own_origin(self) -> None:
        """Insist that a browser sends this from one of our pages.

        Raises:
            ForeignOriginError: it does not, or does not say.
        """
        site, origin = self.header("sec-fetch-site"), self.header("origin")
        own = site in {"same-origin", "none"} if site else origin == self.services.public_url.origin
        if not own:
            raise ForeignOriginError

    @property
    def is_from_browser(self) -> bool:
        """Whether a page or form sends this: browsers say from where, and programs need not."""
        return bool(self.header("sec-fetch-site") or self.header("origin"))

    def _bearer_token(self) -> str:
        scheme, _, token = self.header("authorization").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        return self.header("coder-session-token").strip()


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
        return self.method in _SAFE_METHODS and not self.browser

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


def _load(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _refusal(call: Call, route: Route, error: CiboriumError) -> Reply:
    if not (route.browser and call.accepts_html):
        return error_reply(error, call.request_id)
    if isinstance(error, UnauthenticatedError):
        path = quote(call.path_after_login or call.path, safe="/")
        login = call.services.public_url.url(f"/login?next={path}")
        return redirect_reply(303, login)
    login = call.services.public_url.url("/login") if call.leads_to_sign_in else ""
    return error_page(error, call.request_id, login)
