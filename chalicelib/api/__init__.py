"""The HTTP API. `register` offers all of it through a Chalice app."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import Chalice, Request, Response

from chalicelib import startup
from chalicelib.api.homes import find_home, load_all_routes, load_routes
from chalicelib.invocations import API as API_FUNCTION
from chalicelib.invocations import observed
from chalicelib.metrics import note
from chalicelib.primitives import new_id

if TYPE_CHECKING:
    from chalicelib.api.routing import Route
    from chalicelib.bootstrap import Services

    ROUTES: tuple[Route, ...]

_FRAMEWORK_ERRORS = {
    400: ("bad_request", "The request is malformed."),
    405: ("method_not_allowed", "This path does not offer the method."),
    415: ("unsupported_media_type", "Send the body as application/json."),
    500: ("internal", "Something went wrong on our side. Try again."),
}


class API(Chalice):
    """A Chalice app that may be told of a route as late as when it is asked for.

    Lambda gives a process one request at a time; the local run and tests have several, each in a
    thread of its own.
    """

    load: Callable[[str], None] | None = None
    """Registers what a path needs, given the path as the route has it."""
    _here = threading.local()

    @property
    def current_request(self) -> Request | None:
        """This thread's; Chalice has one attribute for all, and would mix up people's requests."""
        return getattr(self._here, "request", None)

    @current_request.setter
    def current_request(self, request: Request | None) -> None:
        self._here.request = request

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        """Answer a request from API Gateway."""
        path = (event.get("requestContext") or {}).get("resourcePath")
        try:
            if self.load and path:
                self.load(path)
            return super().__call__(event, context)
        finally:
            startup.end()  # Also of what is no request, such as a console's test event.


def register(app: API, services: "Callable[[], Services]", *, lazily: bool = False) -> None:
    """Offer every route; `services` is asked at each request, and answers the same each time.

    Args:
        app: the app.
        services: all that views may call.
        lazily: load a route's module with the first request for one of its paths. Chalice's own
            tools need to see all routes at once, and so does a local run.
    """
    # API Gateway sends bytes only where the first type that a client accepts is one of these; what
    # browsers name first for an image, they name here too, although no icon is an AVIF.
    app.api.binary_types.extend(("image/webp", "image/avif"))
    app.middleware("http")(_observed)
    if lazily:
        app.load = _Loader(app, services)
    else:
        _add(app, load_all_routes(), services)
        startup.end()


class _Loader:
    """Registers the routes of a module once, when one of its paths is asked for."""

    def __init__(self, app: API, services: "Callable[[], Services]") -> None:
        self._app = app
        self._services = services
        self._loaded: set[str] = set()

    def __call__(self, path: str) -> None:
        module = find_home(path)
        if module and module not in self._loaded:
            _add(self._app, load_routes(module), self._services)
            self._loaded.add(module)


def _add(app: API, routes: "tuple[Route, ...]", services: "Callable[[], Services]") -> None:
    from chalicelib.api.routing import add_route  # What functions without routes do without.

    for route in routes:
        add_route(app, route, services)


def _observed(event: Any, get_response: Callable[[Any], Response]) -> Response:
    """A request with its log line, whoever answers it."""
    request: Request = event
    # Views and refusals shall call it the same.
    request_id = request.context["requestId"] = str(request.context.get("requestId") or new_id())
    with observed(API_FUNCTION, "request", request.lambda_context, request_id):
        response = _own_error_body(get_response(event), request_id)
        route = request.context.get("resourcePath")
        note(method=request.method, route=route, status=response.status_code)
        return response


def _own_error_body(response: Response, request_id: str) -> Response:
    """Chalice's own refusals, which never reach a view, in our error body."""
    if not isinstance(response.body, dict):
        return response
    from chalicelib.api.errors import plain_error_reply
    from chalicelib.api.routing import to_response

    status = response.status_code
    code, message = _FRAMEWORK_ERRORS.get(status, ("error", "The request was refused."))
    note(code=code)
    reply = plain_error_reply(status, code, message, request_id)
    reply.headers["X-Request-Id"] = request_id
    return to_response(reply)


def __getattr__(name: str) -> Any:
    if name != "ROUTES":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return load_all_routes()
