"""Connections as the audit log describes them."""

from chalicelib.audit import Snapshot
from chalicelib.oauth2.models import Connection


def describe_connection(connection: Connection) -> Snapshot:
    """What was granted by whom; the tokens are sealed, and only told of."""
    return {
        "issuer": connection.issuer,
        "scope": connection.scope,
        "access_token": connection.access_token,
        "refresh_token": connection.refresh_token,
    }
