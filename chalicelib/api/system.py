"""Is it up, is it ready, what is it."""

from chalicelib.api.replies import Reply, json_reply
from chalicelib.api.routing import Call, Route
from chalicelib.errors import UnavailableError
from chalicelib.sdk.system import BuildInfo, Health
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
    return json_reply(BuildInfo(version=VERSION, dashboard_url=call.services.public_url.url("")))


ROUTES = (
    Route("GET", "/healthz", get_health, public=True),
    Route("GET", "/readyz", get_readiness, public=True),
    Route("GET", "/api/v2/buildinfo", get_build_info, public=True),
)
