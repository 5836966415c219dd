"""What can go wrong with an outbound request."""

from chalicelib.errors import InvalidInputError, UpstreamError, UpstreamTimeoutError


class EgressRefusedError(InvalidInputError):
    """The guard refuses the URL: its scheme, its host, or an address that it resolves to."""

    code = "address_not_permitted"


class EgressConnectionError(UpstreamError):
    """The server could not be reached, or broke the connection."""

    code = "upstream_unreachable"


class EgressResponseError(UpstreamError):
    """The answer is too large, compressed, or redirects where it may not."""

    code = "upstream_bad_response"


class EgressTimeoutError(UpstreamTimeoutError):
    """The server did not answer within the whole budget of the request."""
