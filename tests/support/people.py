"""People of a deployment, each with an API token."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.deployment import Deployment

USERS = "/api/v2/users"
ORGANIZATIONS = "/api/v2/organizations"
ME = f"{USERS}/me"
ORIGIN = {"Origin": "https://ciborium.example"}


@dataclass(frozen=True)
class Person:
    """Somebody who may use the API."""

    deployment: Deployment
    id: str
    token: str

    @property
    def path(self) -> str:
        """Where they are found."""
        return f"{USERS}/{self.id}"

    @property
    def client(self) -> httpx.Client:
        """A client that is signed in as them."""
        return self.deployment.client(self.token)

    def get(self, path: str) -> httpx.Response:
        """What they get at a path."""
        return self.client.get(path)

    def sign_in(self) -> httpx.Client:
        """A browser in which they are signed in."""
        browser = self.deployment.client(**ORIGIN)
        browser.post(f"{USERS}/login", json={"token": self.token}).raise_for_status()
        return browser


def new_person(deployment: Deployment, username: str = "mara", **body: Any) -> Person:
    """Somebody new; without more ado a member of no organisation."""
    person = {"username": username, "email": f"{username}@example.com", **body}
    with deployment.admin as admin:
        user = admin.post(USERS, json=person).raise_for_status().json()
        key = admin.post(f"{USERS}/{user['id']}/keys/tokens", json={}).raise_for_status().json()
    return Person(deployment, user["id"], key["key"])


def join(deployment: Deployment, organization_id: str, person: Person, *roles: str) -> None:
    """Make somebody a member of an organisation."""
    path = f"{ORGANIZATIONS}/{organization_id}/members/{person.id}"
    with deployment.admin as admin:
        admin.post(path, json={"roles": list(roles)}).raise_for_status()


def default_organization(deployment: Deployment) -> str:
    """The id of the organisation that is there from the start."""
    with deployment.admin as admin:
        found = admin.get(ORGANIZATIONS).json()
    return str(next(each["id"] for each in found if each["is_default"]))
