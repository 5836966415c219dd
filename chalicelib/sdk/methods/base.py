"""What all groups of methods have."""

from ..connection import Connection


class Methods:
    """Methods over one connection."""

    _connection: Connection


def if_match(etag: str | None) -> dict[str, str]:
    """The header of a change to one version only (RFC 9110 section 13.1.1); None: to any."""
    return {"If-Match": etag} if etag else {}
