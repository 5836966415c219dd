"""Schemathesis sends whatever the OpenAPI document allows, and what it does not allow.

Each answer is compared with the document twice: by `contract`, as in every functional test, and by
Schemathesis. The cases are the same in every run: `CASES` of each kind for every operation, one
in the gate, which has no time for more.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.chat_models import CONFIGS, create_config, create_provider
from tests.support.chats import CHATS, offer_model, text
from tests.support.contract import document
from tests.support.deployment import PUBLIC_URL
from tests.support.journey import World
from tests.support.people import ORGANIZATIONS, Person, default_organization, join, new_person
from tests.support.servers import SERVERS, create_server
from tests.support.worker import ask, claim, fail, work

CASES = int(os.environ.get("CASES", "1"))
DECIDE = f"{CHATS}/{{chat_id}}/tool-approvals"
CALL = f"{SERVERS}/{{server_id}}/tools/call"
LOGIN = "/api/v2/users/login"
ORGANIZATION = f"{ORGANIZATIONS}/{{organization_id}}"
GIF, IMAGE = b"GIF89a" + bytes(20), {"Content-Type": "image/gif"}
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
UPSTREAM = {502, 504}
# They take what another server made at random for this very browser.
OUT_OF_REACH = {
    "GET /api/experimental/mcp/servers/{server_id}/oauth2/callback",
    "GET /api/v2/users/oidc/login",
    "GET /api/v2/users/oidc/callback",
}
CREDENTIALS = {"authorization", "coder-session-token", "cookie"}
SETTINGS = settings(
    max_examples=CASES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


class Target:
    """A deployment with something behind every path, and somebody who calls it."""

    def __init__(self, world: World, role: str) -> None:
        self.world, self.deployment = world, world.deployment
        self.seen: Counter[int] = Counter()
        self.number = 0
        self.served: set[str] = set()
        self.role = role
        self.organization_id = default_organization(self.deployment)
        self.person = self._new_caller()
        self.model_id = offer_model(self.deployment)

    def renew(self, method: str, path: str) -> dict[str, str]:
        """A new caller and new things, for the operation before may have spoilt the old ones.

        Returns:
            their ids, by the names of the path's variables.
        """
        self.number += 1
        self.person = self._new_caller()
        makers: dict[str, Callable[[], str]] = {
            "server_id": lambda: self._new_server(path),
            "file_id": self._new_file,
            "chat_id": lambda: self._new_chat(path),
            "workspace_id": self._new_workspace,
            "message_id": lambda: "1",
            "queued_id": lambda: "1",
            "organization_id": lambda: self.organization_id,
            "user_id": self._new_member,
            "group_id": self._new_group,
            "provider_id": self._new_provider,
            "config_id": self._new_model,
        }
        if (method, path) == ("delete", ORGANIZATION):
            makers["organization_id"] = self._new_organization  # The default one stays.
        if (method, path) == ("post", f"{ORGANIZATION}/members/{{user_id}}"):
            makers["user_id"] = self._new_stranger
        real = {name: make() for name, make in makers.items() if f"{{{name}}}" in path}
        if path.endswith("/groups/{group_id}/members/{user_id}"):
            with self.deployment.admin as admin:
                admin.put(path.format(**real)).raise_for_status()
        if method == "delete" and "/usage-limits/" in path:
            with self.deployment.admin as admin:
                limit = {"spend_limit_micros": None}
                admin.put(path.format(**real), json=limit).raise_for_status()
        if "{key_id}" in path:
            real["key_id"] = self._new_token(real["user_id"])
        return real

    def real_members(self, path: str) -> dict[str, Any]:
        """Members of bodies that chance would never hit."""
        if path == CONFIGS:
            return {"provider_id": self._new_provider()}
        known: dict[str, dict[str, Any]] = {
            CHATS: {"organization_id": self.organization_id},
            CALL: {"name": "search"},
            LOGIN: {"token": self.person.token},
            DECIDE: {"decisions": [{"tool_call_id": "call-1", "approved": True}]},
        }
        return known.get(path, {})

    def real_body(self, path: str) -> bytes | None:
        """A body that chance would never hit."""
        return GIF if path.endswith("/icon") else None

    def _new_caller(self) -> Person:
        caller = new_person(self.deployment, f"caller-{self.number}", roles=[self.role])
        join(self.deployment, self.organization_id, caller)
        return caller

    def _new_member(self) -> str:
        member = new_person(self.deployment, f"other-{self.number}")
        join(self.deployment, self.organization_id, member)
        return member.id

    def _new_stranger(self) -> str:
        return str(new_person(self.deployment, f"stranger-{self.number}").id)

    def _new_token(self, user_id: str) -> str:
        with self.deployment.admin as admin:
            answer = admin.post(f"/api/v2/users/{user_id}/keys/tokens", json={})
        return str(answer.raise_for_status().json()["id"])

    def _new_organization(self) -> str:
        with self.deployment.admin as admin:
            answer = admin.post(ORGANIZATIONS, json={"name": f"organization-{self.number}"})
        return str(answer.raise_for_status().json()["id"])

    def _new_group(self) -> str:
        path = f"{ORGANIZATIONS}/{self.organization_id}/groups"
        with self.deployment.admin as admin:
            answer = admin.post(path, json={"name": f"group-{self.number}"})
        return str(answer.raise_for_status().json()["id"])

    def _new_workspace(self) -> str:
        path = f"{ORGANIZATIONS}/{self.organization_id}/workspaces"
        with self.deployment.admin as admin:
            answer = admin.post(path, json={"name": f"workspace-{self.number}"})
        return str(answer.raise_for_status().json()["id"])

    def _new_provider(self) -> str:
        with self.deployment.admin as admin:
            return str(create_provider(admin)["id"])

    def _new_model(self) -> str:
        with self.deployment.admin as admin:
            return str(create_config(admin, create_provider(admin)["id"])["id"])

    def _new_server(self, path: str) -> str:
        slug = f"fuzzed-{self.number}"
        if path.endswith("/user-headers"):
            with self.deployment.admin as admin:
                own = {"auth_type": "custom_headers", "user_header_names": ["X-Token"]}
                return str(create_server(admin, slug=slug, enabled=True, **own)["id"])
        server_id = str(self.world.register(slug=slug)["id"])
        self.world.connect_as(self.person.token, server_id)
        with self.deployment.admin as admin:
            answer = admin.put(f"{SERVERS}/{server_id}/icon", content=GIF, headers=IMAGE)
            answer.raise_for_status()
        return server_id

    def _new_file(self) -> str:
        path = f"{CHATS}/files?organization={self.organization_id}"
        with self.person.client as client:
            answer = client.post(path, content=GIF, headers=IMAGE)
        return str(answer.raise_for_status().json()["id"])

    def _new_chat(self, path: str) -> str:
        """A chat to which the operation can be done, and whatever else is in its path."""
        # Cases may have limited what may be spent, or removed a model that they made the default.
        with self.deployment.admin as admin:
            admin.put(f"{CHATS}/usage-limits", json={"spend_limit_micros": None})
            config = f"{CONFIGS}/{self.model_id}"
            admin.patch(config, json={"is_default": True}).raise_for_status()
        body = {"organization_id": self.organization_id, "content": text("Hello")}
        with self.person.client as client:
            chat_id = str(client.post(CHATS, json=body).raise_for_status().json()["id"])
            if "{queued_id}" in path:
                answer = client.post(f"{CHATS}/{chat_id}/messages", json={"content": text("Next")})
                answer.raise_for_status()
        for ending, step in (("/retry", fail), ("/tool-approvals", ask("call-1"))):
            if path.endswith(ending):
                work(self.deployment, self.person.id, chat_id, claim, step)
        return chat_id

    def send(self, case: Case[Any]) -> httpx.Response:
        """Send a case as Schemathesis writes it."""
        prepared = requests.Request(**case.as_transport_kwargs(base_url=PUBLIC_URL)).prepare()
        headers = {
            name: value if isinstance(value, str) else value.decode()
            for name, value in prepared.headers.items()
            if name.lower() not in CREDENTIALS  # Made up ones would end every case at the door.
        }
        content = prepared.body
        assert content is None or isinstance(content, str | bytes)
        with self.person.client as client:
            request = client.build_request(
                str(prepared.method), str(prepared.url), headers=headers, content=content
            )
            answer = client.send(request)
        answer.elapsed = timedelta()  # Schemathesis reads it, and nothing measures it in process.
        return answer


def check(target: Target, case: Case[Any]) -> None:
    answer = target.send(case)
    target.seen[answer.status_code] += 1
    if answer.status_code < 400:
        target.served.add(case.operation.label)
    assert answer.status_code < 500 or answer.status_code in UPSTREAM, answer.text
    case.validate_response(answer, checks=CHECKS)


def fill(members: dict[str, Any], body: bytes | None, case: Case[Any]) -> Case[Any]:
    """A case that names real things in its body as well."""
    if body is not None:
        case.body = body
    elif isinstance(case.body, dict):
        case.body.update({name: each for name, each in members.items() if name in case.body})
    return case


def fuzz(target: Target, operation: Any) -> None:
    real = target.renew(operation.method, operation.path)
    strategies = [operation.as_strategy()]
    members = target.real_members(operation.path)
    if real or members:
        filled = partial(fill, members, target.real_body(operation.path))
        strategies.append(operation.as_strategy(path_parameters=real).map(filled))
    takes_something = any((operation.body, operation.query, operation.headers))
    if takes_something:
        negative = GenerationMode.NEGATIVE
        strategies.append(operation.as_strategy(generation_mode=negative, path_parameters=real))
    for strategy in strategies:

        @SETTINGS
        @given(case=strategy)
        def run(case: Case[Any]) -> None:
            check(target, case)

        run()


@pytest.mark.timeout(600)  # About half a minute, on a busy machine many times that.
@pytest.mark.parametrize(
    ("role", "well_served"), [("owner", 0.95), ("member", 0.4)], ids=["owner", "member"]
)
def test_whatever_is_sent_the_answer_is_one_that_is_documented(
    world: World, role: str, well_served: float
) -> None:
    target = Target(world, role)
    labels = set()
    for result in from_dict(document()).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        labels.add(operation.label)
        fuzz(target, operation)
    print(f"{target.seen.total()} cases of {len(labels)} operations as {role}")
    print(f"by status: {dict(sorted(target.seen.items()))}")
    print(f"never well served: {sorted(labels - target.served)}")
    within_reach = labels - OUT_OF_REACH
    assert within_reach | OUT_OF_REACH == labels, "an operation of the list is no more"
    served = len(target.served & within_reach)
    assert served >= well_served * len(within_reach), "the cases do not get past the door"
