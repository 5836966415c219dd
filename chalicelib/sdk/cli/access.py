"""Who may see and use a server."""

from collections.abc import Sequence

import click

from ..client import Client
from ..mcp_access import AccessRole, ACLGroup, ACLUser, MCPServerACL
from ..requests.mcp_access import UpdateMCPServerACLRequest
from .arguments import server_argument
from .commands import F, Group
from .problems import REFUSED, Problem
from .session import Session, get_server_id, is_id, pass_session


@click.group(cls=Group)
def access() -> None:
    """Who may see and use a server."""


@access.command("list")
@server_argument
@pass_session
def list_access(session: Session, server: str) -> None:
    """List the users and groups that may see and use a server."""
    with session.client() as client:
        found = client.experimental.get_mcp_server_acl(get_server_id(client, server))
    _show(session, found)


@access.command()
@server_argument
@click.option("--search", metavar="TEXT", help="Only whose name or e-mail address has it.")
@pass_session
def candidates(session: Session, server: str, search: str | None) -> None:
    """List the users and groups that could be allowed, a hundred at most."""
    with session.client() as client:
        found = client.experimental.list_mcp_server_acl_candidates(
            get_server_id(client, server), search=search, limit=100
        )
    _show(session, found)


def _who(function: F) -> F:
    users = click.option("--user", "users", multiple=True, metavar="USER", help="May be repeated.")
    groups = click.option(
        "--group", "groups", multiple=True, metavar="[ORGANIZATION/]GROUP", help="May be repeated."
    )
    return users(groups(function))


@access.command()
@server_argument
@_who
@pass_session
def allow(session: Session, server: str, users: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """Let users and groups see and use a server."""
    _change(session, server, users, groups, AccessRole.READ)


@access.command()
@server_argument
@_who
@pass_session
def remove(session: Session, server: str, users: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """Take users and groups off the list of who may."""
    _change(session, server, users, groups, AccessRole.NONE)


def _change(
    session: Session,
    server: str,
    users: Sequence[str],
    groups: Sequence[str],
    role: AccessRole,
) -> None:
    if not users and not groups:
        raise click.UsageError("Name somebody with --user or --group.")
    with session.client() as client:
        server_id = get_server_id(client, server)
        request = UpdateMCPServerACLRequest(
            user_roles={_find_user(client, server_id, each): role for each in users},
            group_roles={_find_group(client, server_id, each): role for each in groups},
        )
        client.experimental.update_mcp_server_acl(server_id, request)
        found = client.experimental.get_mcp_server_acl(server_id)
    _show(session, found)


def _find_user(client: Client, server_id: str, reference: str) -> str:
    def matches(user: ACLUser) -> bool:
        return user.username.lower() == reference.lower()

    found = _candidates(client, server_id, reference, reference).users
    return _only(reference, reference, [each.id for each in found if matches(each)])


def _find_group(client: Client, server_id: str, reference: str) -> str:
    organization, _, name = reference.rpartition("/")

    def matches(group: ACLGroup) -> bool:
        return group.name == name and organization in {"", group.organization_name}

    found = _candidates(client, server_id, reference, name).groups
    return _only(reference, name, [each.id for each in found if matches(each)])


def _candidates(client: Client, server_id: str, reference: str, search: str) -> MCPServerACL:
    """Who has such a name: of those that could be on the list, and of those that are."""
    if is_id(reference):
        return MCPServerACL(users=[], groups=[])
    methods = client.experimental
    could = methods.list_mcp_server_acl_candidates(server_id, search=search, limit=100)
    listed = methods.get_mcp_server_acl(server_id)
    users = {each.id: each for each in (*could.users, *listed.users)}
    groups = {each.id: each for each in (*could.groups, *listed.groups)}
    return MCPServerACL(users=list(users.values()), groups=list(groups.values()))


def _only(reference: str, name: str, ids: list[str]) -> str:
    if is_id(reference):
        return reference
    if len(ids) == 1:
        return ids[0]
    if ids:
        raise Problem(f"There are several called {name}. Give ORGANIZATION/{name}, or the id.")
    message = f"Nobody called {name} could be allowed. See `ciborium servers access candidates`."
    raise Problem(message, REFUSED)


def _show(session: Session, found: MCPServerACL) -> None:
    rows = [
        *(("user", each.username, each.name, each.role.value, each.id) for each in found.users),
        *(
            (
                "group",
                f"{each.organization_name}/{each.name}",
                each.display_name,
                each.role.value,
                each.id,
            )
            for each in found.groups
        ),
    ]
    session.output.table(("Kind", "Called", "Name", "Role", "Id"), rows, found)
