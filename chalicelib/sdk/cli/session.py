"""What every command works with: the client, the output, and what tests put in their places."""

import sys
import time
import uuid
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field

import click
import httpx

from ..client import Client
from ..mcp_servers import MCPServerConfig
from ..retrying import RetryPolicy
from .credentials import environment_token, find_stored
from .output import Output
from .problems import REFUSED, Problem


def _is_terminal() -> bool:
    return sys.stdin.isatty()


@dataclass
class Session:
    """One run of the program."""

    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], object] = time.sleep
    open_browser: Callable[[str], bool] = webbrowser.open
    is_terminal: Callable[[], bool] = _is_terminal
    url: str = ""
    output: Output = field(default_factory=Output)

    def client(self, *, hasty: bool = False) -> Client:
        """A client, signed in; a hasty one gives up soon.

        Raises:
            Problem: there is no address or no token.
        """
        token, url = environment_token(), self.url
        stored = None if token and url else find_stored()
        url = url or (stored.url if stored else "")
        if not token and stored and url.rstrip("/") == stored.url.rstrip("/"):
            token = stored.token
        if not url or not token:
            what = f"to {url}" if url else "anywhere"
            raise Problem(
                f"You are not signed in {what}. Run `ciborium login`, "
                "or set CIBORIUM_URL and CIBORIUM_TOKEN."
            )
        return self.client_of(url, token, hasty=hasty)

    def client_of(self, url: str, token: str, *, hasty: bool = False) -> Client:
        """A client with these credentials.

        Raises:
            Problem: the address is unusable.
        """
        try:
            return Client(
                url,
                token,
                transport=self.transport,
                timeout=3 if hasty else 35,
                retries=RetryPolicy(attempts=1 if hasty else 4),
                sleep=self.sleep,
            )
        except ValueError as exc:
            raise Problem(f"{exc}, such as https://ciborium.example.com.") from None


pass_session = click.make_pass_decorator(Session)


def is_id(text: str) -> bool:
    """Whether a text is an id and not a name."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def get_server(client: Client, reference: str) -> MCPServerConfig:
    """A server by its id or slug.

    Raises:
        Problem: none that the caller may see is called so.
    """
    if is_id(reference):
        return client.experimental.get_mcp_server(reference)
    for server in client.experimental.list_mcp_servers():
        if server.slug == reference:
            return server
    raise Problem(f"No server is called {reference}. See `ciborium servers list`.", REFUSED)


def get_server_id(client: Client, reference: str) -> str:
    """The id of a server by its id or slug.

    Raises:
        Problem: none that the caller may see is called so.
    """
    return reference if is_id(reference) else get_server(client, reference).id


def get_user_id(client: Client, reference: str) -> str:
    """The id of a user by it, or by user name; `me` stays.

    Raises:
        Problem: nobody is called so.
    """
    if is_id(reference) or reference == "me":
        return reference
    for user in client.iter_users(search=reference):
        if user.username.lower() == reference.lower():
            return user.id
    raise Problem(f"Nobody is called {reference}. See `ciborium users list`.", REFUSED)


def get_group_id(client: Client, organization_id: str, reference: str) -> str:
    """The id of a group by its id or name.

    Raises:
        Problem: no group of the organisation is called so.
    """
    if is_id(reference):
        return reference
    for group in client.list_groups(organization_id):
        if group.name == reference:
            return group.id
    raise Problem(f"No group is called {reference}. See `ciborium groups list`.", REFUSED)


def get_organization_id(client: Client, reference: str) -> str:
    """The id of an organisation by its id or name.

    Raises:
        Problem: none that the caller may see is called so.
    """
    if is_id(reference):
        return reference
    for organization in client.list_organizations():
        if organization.name == reference:
            return organization.id
    raise Problem(f"No organization is called {reference}. See `ciborium orgs list`.", REFUSED)
