"""One request, as a view sees it: who makes it, and what is asked.

Whether a browser was tricked into it is decided here, once for all.
"""

from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from chalice.app import Request as ChaliceRequest

from chalicelib.api.cookies import parse_cookies, session_cookie_name
from chalicelib.api.errors import (
    BodyTooLargeError,
    ForeignOriginError,
    InvalidQueryError,
    body_error,
)
from chalicelib.audit import RequestContext
from chalicelib.identity.errors import MissingTokenError
from chalicelib.identity.models import Actor
from chalicelib.metrics import note
from chalicelib.primitives import new_id

if TYPE_CHECKING:
    from chalicelib.api.routing import Route
    from chalicelib.bootstrap import Services
    from chalicelib.sdk.requests.base import Request

M = TypeVar("M", bound="Request")
_LONGEST_USER_AGENT = 256
_DEFAULT_LIMIT = 50
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Those that change nothing (RFC 9110 section 9.2.1)."""


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
            if token and self._request.method not in SAFE_METHODS:
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


def _load(body: bytes) -> object:
    from pydantic_core import from_json  # Unlike `json` it bears any depth.

    try:
        return from_json(body)
    except ValueError:
        return None
