"""What of a server is changed by commands of its own: icon, discovery, users' own headers."""

import mimetypes
from pathlib import Path

import click

from ..mcp_servers import UserHeaders
from ..requests.mcp_servers import PutUserHeadersRequest
from .arguments import server_argument
from .commands import Group, JSONCommand
from .problems import Problem
from .secrets import SecretSource, read_headers, secret_options
from .session import Session, get_server_id, pass_session


@click.command(cls=JSONCommand)
@server_argument
@pass_session
def rediscover(session: Session, server: str) -> None:
    """Discover a server's OAuth2 settings again, and get a client there."""
    with session.client() as client:
        found = client.experimental.rediscover_mcp_server(get_server_id(client, server))
    session.output.done(f"{found.slug} is authorized by {found.oauth2_auth_url} now.", found)


@click.command(cls=JSONCommand)
@server_argument
@click.argument("file", required=False, metavar="[FILE]")
@click.option("--remove", is_flag=True, help="Remove the icon that was uploaded.")
@pass_session
def icon(session: Session, server: str, file: str | None, remove: bool) -> None:
    """Upload a small image as a server's icon."""
    if remove is (file is not None):
        raise click.UsageError("Give a file, or --remove.")
    with session.client() as client:
        server_id = get_server_id(client, server)
        if file is None:
            client.experimental.delete_mcp_server_icon(server_id)
        else:
            media_type = mimetypes.guess_type(file)[0] or "application/octet-stream"
            client.experimental.put_mcp_server_icon(server_id, _read_bytes(file), media_type)
        changed = client.experimental.get_mcp_server(server_id)
    session.output.done(f"Changed the icon of {changed.slug}.", changed)


@click.group(cls=Group)
def headers() -> None:
    """Your own values of the headers that a server wants from each user."""


@headers.command()
@server_argument
@pass_session
def show(session: Session, server: str) -> None:
    """Show which headers there are, and whether you have filled them in."""
    with session.client() as client:
        found = client.experimental.get_user_headers(get_server_id(client, server))
    _show(session, found)


@headers.command("set")
@server_argument
@click.option(
    "--header",
    "names",
    multiple=True,
    required=True,
    metavar="NAME[=env:VARIABLE|=file:PATH]",
    help="One of them; its value is a secret.",
)
@secret_options
@pass_session
def set_headers(
    session: Session,
    server: str,
    names: tuple[str, ...],
    secret_stdin: bool,
    secret_env: str | None,
    secret_file: str | None,
) -> None:
    """Fill in your values. They replace all that you had."""
    source = SecretSource(stdin=secret_stdin, env=secret_env, file=secret_file)
    request = PutUserHeadersRequest(values=read_headers(names, source))
    with session.client() as client:
        found = client.experimental.put_user_headers(get_server_id(client, server), request)
    _show(session, found)


@headers.command()
@server_argument
@pass_session
def clear(session: Session, server: str) -> None:
    """Forget your values."""
    with session.client() as client:
        server_id = get_server_id(client, server)
        client.experimental.delete_user_headers(server_id)
    session.output.done(f"Forgot your headers of {server}.", {"id": server_id, "cleared": True})


def _show(session: Session, found: UserHeaders) -> None:
    rows = list(found.has_values.items())
    session.output.table(("Header", "Filled in"), rows, found)


def _read_bytes(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError:
        raise Problem(f"The file {file} cannot be read.") from None
