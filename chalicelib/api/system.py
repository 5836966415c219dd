"""Is it up, is it ready, what is it."""

from chalicelib.api.call import Call
from chalicelib.api.contract import Answer
from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Route
from chalicelib.errors import UnavailableError
from chalicelib.sdk.system import BuildInfo, Health, OpenAPIDocument
from chalicelib.version import VERSION


def get_health(_: Call) -> Reply:
    """The process is up; nothing else is asked."""
    return json_reply(Health(status="ok"))


def get_readiness(call: Call) -> Reply:
    """DynamoDB and KMS answer."""
    missing = call.services.find_unreachable()
    if missing:
        raise UnavailableError(f"Not ready: {' and '.join(missing)} cannot be reached.")
    return json_reply(Health(status="ok"))


def get_build_info(call: Call) -> Reply:
    """The version and where it is reached."""
    services = call.services
    return json_reply(
        BuildInfo(
            version=VERSION,
            dashboard_url=services.public_url.url(""),
            chat_stream_url=services.stream_url or None,
        )
    )


def get_openapi(call: Call) -> Reply:
    """This API as an OpenAPI 3.1 document."""
    from chalicelib.api.openapi import render  # It needs the routes, and a while to load.

    text, etag = render(call.services.public_url)
    headers = {"ETag": etag, "Cache-Control": "public, max-age=300"}
    if etag in call.header("if-none-match"):
        return Reply(304, headers=headers)
    return Reply(200, text, headers=headers)


ROUTES = (
    Route("GET", "/healthz", get_health, public=True, reply=Health),
    Route("GET", "/readyz", get_readiness, public=True, reply=Health),
    Route("GET", "/api/v2/buildinfo", get_build_info, public=True, reply=BuildInfo),
    Route(
        "GET",
        "/api/v2/openapi.json",
        get_openapi,
        public=True,
        reply=OpenAPIDocument,
        headers=("ETag",),
        also=(Answer(304, headers=("ETag",)),),
    ),
)
