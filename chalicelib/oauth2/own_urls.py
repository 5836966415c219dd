"""Where this deployment takes part in OAuth2: all of it below the public base URL."""

from dataclasses import dataclass

from chalicelib.config import PublicURL

_SERVERS = "/api/experimental/mcp/servers"
_OFF = "off"


def callback_path(server_id: str) -> str:
    """The path of a server's redirect URI."""
    return f"{_SERVERS}/{server_id}/oauth2/callback"


def connect_path(server_id: str) -> str:
    """The path that starts a connection."""
    return f"{_SERVERS}/{server_id}/oauth2/connect"


def client_metadata_path(server_id: str) -> str:
    """The path of our Client ID Metadata Document for a server.

    Each server has one of its own, since each has its own redirect URI.
    """
    return f"{_SERVERS}/{server_id}/oauth2/client-metadata.json"


@dataclass(frozen=True, slots=True)
class OwnURLs:
    """Our URLs for each server.

    Attributes:
        public_url: the public base URL.
        client_metadata_url: the setting: empty, `off`, or a URL with `{server_id}` in it.
    """

    public_url: PublicURL
    client_metadata_url: str = ""

    @property
    def home(self) -> str:
        """What users know us by."""
        return self.public_url.url("")

    def callback(self, server_id: str) -> str:
        """A server's redirect URI (RFC 6749 section 3.1.2)."""
        return self.public_url.url(callback_path(server_id))

    def connect(self, server_id: str) -> str:
        """Where a user connects to a server."""
        return self.public_url.url(connect_path(server_id))

    def client_metadata(self, server_id: str) -> str | None:
        """Where authorization servers read what our client is, or None if they cannot.

        Only https URLs can be client ids, so a deployment on plain http has no documents.
        """
        if self.client_metadata_url == _OFF:
            return None
        if self.client_metadata_url:
            return self.client_metadata_url.replace("{server_id}", server_id)
        own = self.public_url.url(client_metadata_path(server_id))
        return own if self.public_url.is_https else None
