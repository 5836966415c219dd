"""Who may do what with people: every endpoint for every role, as one table.

`own` and `other` say where the actor stands towards the organisation and the user in question: the
site's owner, who belongs to no organisation of these; its admin; its member; somebody who is an
admin, but of another organisation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.api import ROUTES
from tests.support.deployment import Deployment
from tests.support.people import ORGANIZATIONS, USERS, Person, join, new_person

ROLES = ("owner", "admin", "member", "outsider")


@dataclass
class Scene:
    """An organisation with an admin, a member, a group, and somebody who is not in it."""

    organization: str
    group: str
    person: str
    """A member of the organisation and of the group."""
    stranger: str
    key: str
    """The id of a token of the person."""
    workspace: str
    """One of the person's."""


class Stage:
    """A deployment with somebody of each role, who play in one scene after the other."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._scenes = 0
        self.actors = {
            "owner": new_person(deployment, "olga", roles=["owner"]),
            "admin": new_person(deployment, "ada"),
            "member": new_person(deployment, "mara"),
            "outsider": new_person(deployment, "eve"),
        }
        elsewhere = self._create(ORGANIZATIONS, name="elsewhere")
        join(deployment, elsewhere, self.actors["outsider"], "organization-admin")

    def new_scene(self) -> Scene:
        """A scene that nobody has played in."""
        self._scenes += 1
        number = self._scenes
        organization = self._create(ORGANIZATIONS, name=f"o{number}")
        person = new_person(self._deployment, f"p{number}")
        stranger = new_person(self._deployment, f"s{number}")
        join(self._deployment, organization, self.actors["admin"], "organization-admin")
        for each in (self.actors["member"], person):
            join(self._deployment, organization, each)
        group = self._create(f"{ORGANIZATIONS}/{organization}/groups", name="team")
        key = person.get(f"{person.path}/keys/tokens").json()[0]["id"]
        path = f"{ORGANIZATIONS}/{organization}/groups/{group}/members/{person.id}"
        self._deployment.admin.put(path).raise_for_status()
        made = person.client.post(
            f"{ORGANIZATIONS}/{organization}/workspaces", json={"name": "theirs"}
        )
        workspace = made.raise_for_status().json()["id"]
        return Scene(organization, group, person.id, stranger.id, key, workspace)

    def _create(self, path: str, **body: Any) -> str:
        with self._deployment.admin as admin:
            return str(admin.post(path, json=body).raise_for_status().json()["id"])


Path = Callable[[Scene, Person], str]
USER: Path = lambda s, _: f"{USERS}/{s.person}"  # noqa: E731 -- a row of the table reads better
MYSELF: Path = lambda _, me: f"{USERS}/{me.id}"  # noqa: E731
ORGANIZATION: Path = lambda s, _: f"{ORGANIZATIONS}/{s.organization}"  # noqa: E731
GROUPS: Path = lambda s, _: f"{ORGANIZATIONS}/{s.organization}/groups"  # noqa: E731
GROUP: Path = lambda s, _: f"{ORGANIZATIONS}/{s.organization}/groups/{s.group}"  # noqa: E731

WORKSPACES: Path = lambda s, _: f"{ORGANIZATIONS}/{s.organization}/workspaces"  # noqa: E731


def under(base: Path, rest: str) -> Path:
    return lambda scene, me: base(scene, me) + rest.format(**vars(scene))


def at(path: str) -> Path:
    return lambda _scene, _me: path


NEW_USER = {"username": "new", "email": "new@example.com"}
ADMIN_ROLE = {"roles": ["organization-admin"]}
# The route, the path, the body; then what the owner, the admin, the member, the outsider get.
TABLE: dict[str, tuple[str, Path, Any, tuple[int, int, int, int]]] = {
    "list users": ("GET", at(USERS), None, (200, 403, 403, 403)),
    "create a user": ("POST", at(USERS), NEW_USER, (201, 403, 403, 403)),
    "see another user": ("GET", USER, None, (200, 404, 404, 404)),
    "see oneself": ("GET", MYSELF, None, (200, 200, 200, 200)),
    "rename another user": ("PATCH", USER, {"name": "x"}, (200, 404, 404, 404)),
    "rename oneself": ("PATCH", MYSELF, {"name": "x"}, (200, 200, 200, 200)),
    "make another user an owner": ("PATCH", USER, {"roles": ["owner"]}, (200, 404, 404, 404)),
    "make oneself an owner": ("PATCH", MYSELF, {"roles": ["owner"]}, (200, 403, 403, 403)),
    "change one's own address": ("PATCH", MYSELF, {"email": "x@x.org"}, (200, 403, 403, 403)),
    "suspend a user": ("PUT", under(USER, "/status/suspend"), None, (200, 403, 403, 403)),
    "activate a user": ("PUT", under(USER, "/status/activate"), None, (200, 403, 403, 403)),
    "delete a user": ("DELETE", USER, None, (204, 403, 403, 403)),
    "list another's tokens": ("GET", under(USER, "/keys/tokens"), None, (200, 404, 404, 404)),
    "list one's own tokens": ("GET", under(MYSELF, "/keys/tokens"), None, (200, 200, 200, 200)),
    "make another's token": ("POST", under(USER, "/keys/tokens"), {}, (201, 404, 404, 404)),
    "make one's own token": ("POST", under(MYSELF, "/keys/tokens"), {}, (201, 201, 201, 201)),
    "see another's token": ("GET", under(USER, "/keys/{key}"), None, (200, 404, 404, 404)),
    "revoke another's token": ("DELETE", under(USER, "/keys/{key}"), None, (204, 404, 404, 404)),
    "list organisations": ("GET", at(ORGANIZATIONS), None, (200, 200, 200, 200)),
    "create an organisation": ("POST", at(ORGANIZATIONS), {"name": "n"}, (201, 403, 403, 403)),
    "see an organisation": ("GET", ORGANIZATION, None, (200, 200, 200, 404)),
    "change an organisation": (
        "PATCH",
        ORGANIZATION,
        {"description": "x"},
        (200, 403, 403, 404),
    ),
    "delete an organisation": ("DELETE", ORGANIZATION, None, (204, 403, 403, 404)),
    "list members": ("GET", under(ORGANIZATION, "/members"), None, (200, 200, 200, 404)),
    "add a member": (
        "POST",
        under(ORGANIZATION, "/members/{stranger}"),
        {},
        (201, 201, 403, 404),
    ),
    "make a member an admin": (
        "PUT",
        under(ORGANIZATION, "/members/{person}/roles"),
        ADMIN_ROLE,
        (200, 200, 403, 404),
    ),
    "remove a member": (
        "DELETE",
        under(ORGANIZATION, "/members/{person}"),
        None,
        (204, 204, 403, 404),
    ),
    "list groups": ("GET", GROUPS, None, (200, 200, 200, 404)),
    "create a group": ("POST", GROUPS, {"name": "new"}, (201, 201, 403, 404)),
    "see a group": ("GET", GROUP, None, (200, 200, 200, 404)),
    "change a group": ("PATCH", GROUP, {"display_name": "x"}, (200, 200, 403, 404)),
    "delete a group": ("DELETE", GROUP, None, (204, 204, 403, 404)),
    "list a group's members": ("GET", under(GROUP, "/members"), None, (200, 200, 200, 404)),
    "put somebody into a group": (
        "PUT",
        under(GROUP, "/members/{person}"),
        None,
        (204, 204, 403, 404),
    ),
    "take somebody out of a group": (
        "DELETE",
        under(GROUP, "/members/{person}"),
        None,
        (204, 204, 403, 404),
    ),
    "list workspaces": ("GET", WORKSPACES, None, (200, 200, 200, 404)),
    "create a workspace": ("POST", WORKSPACES, {"name": "new"}, (403, 201, 201, 404)),
    "see a workspace": ("GET", under(WORKSPACES, "/{workspace}"), None, (200, 200, 200, 404)),
    "change another's workspace": (
        "PATCH",
        under(WORKSPACES, "/{workspace}"),
        {"name": "x"},
        (200, 200, 403, 404),
    ),
    "delete another's workspace": (
        "DELETE",
        under(WORKSPACES, "/{workspace}"),
        None,
        (204, 204, 403, 404),
    ),
    "delete oneself": ("DELETE", MYSELF, None, (204, 403, 403, 403)),
}
OPEN = {"POST /api/v2/users/login", "POST /api/v2/users/logout"}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says(deployment: Deployment, role: str) -> None:
    stage = Stage(deployment)
    actor, scene = stage.actors[role], stage.new_scene()
    got = {}
    for action, (method, path, body, _) in TABLE.items():
        answer = actor.client.request(method, path(scene, actor), json=body)
        got[action] = answer.status_code
        if method != "GET" and answer.status_code < 300:
            scene = stage.new_scene()  # Something has changed in this one.
    assert got == {action: row[3][ROLES.index(role)] for action, row in TABLE.items()}


def test_the_table_has_every_endpoint_for_people() -> None:
    example = Scene(
        *("{organization_id}", "{group_id}", "{user_id}", "{user_id}", "{key_id}"),
        "{workspace_id}",
    )
    me = Person(None, "{user_id}", "")  # type: ignore[arg-type]  # It only fills in the path.
    listed = {f"{method} {path(example, me)}" for method, path, *_ in TABLE.values()}
    offered = {
        f"{route.method} {route.path}"
        for route in ROUTES
        if route.path.startswith((USERS, ORGANIZATIONS)) and not route.public
    }
    assert offered <= listed | OPEN
