"""What a release says of everything that is there."""

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.chat_models import CHATS, CONFIGS, PROVIDERS
from tests.support.people import ME, ORGANIZATIONS, USERS
from tests.support.releases import Release
from tests.support.servers import SERVERS
from tests.support.two_releases import AUDIT, FILES, World


def opened(world: World, release: Release) -> dict[str, Any]:
    """What everybody's secrets are good for: the tools of all servers, listed anew."""
    told: dict[str, Any] = {}
    for human in world.people:
        with human.at(release) as client:
            _Look(client, human.name, told).at("/api/experimental/mcp/tools?refresh=true")
    return told


def survey(world: World, release: Release) -> dict[str, Any]:
    """What a release says of all that is there, to everybody; what it must open among it."""
    told = opened(world, release)
    for human in [world.admin, *world.people]:
        with human.at(release) as client:
            look = _Look(client, human.name, told)
            look.at(ME, f"{ME}/keys/tokens", f"{CHATS}/models", f"{CHATS}/usage-limits/status")
            for chat in look.at(CHATS):
                path = f"{CHATS}/{chat['id']}"
                page = look.at(path, f"{CHATS}/cost/chats/{chat['id']}", f"{path}/messages")
                for each in page["messages"]:
                    for part in each["content"]:
                        if part["type"] == "file":
                            look.at(f"{FILES}/{part['file_id']}")
            look.at(SERVERS)
    with world.admin.at(release) as admin:
        look = _Look(admin, "admin", told)
        look.at(USERS, PROVIDERS, CONFIGS, f"{CHATS}/usage-limits", f"{CHATS}/cost/users")
        for organization in look.at(ORGANIZATIONS):
            path = f"{ORGANIZATIONS}/{organization['id']}"
            look.at(path, f"{path}/members", f"{path}/groups", f"{path}/workspaces")
        for server in look.at(SERVERS):
            path = f"{SERVERS}/{server['id']}"
            look.at(path, f"{path}/acl", f"{path}/icon", f"{path}/tools/approvals")
        look.at(f"{AUDIT}?actor=me&limit=200")
    return told


@dataclass
class _Look:
    """Notes what somebody is told."""

    client: httpx.Client
    who: str
    told: dict[str, Any]

    def at(self, *paths: str) -> Any:
        """Look there; what the last place says."""
        for path in paths:
            answer = self.client.get(path, headers={"Accept": "image/gif, application/json"})
            is_json = answer.headers.get("Content-Type", "").startswith("application/json")
            said = answer.json() if is_json else answer.content
            assert answer.status_code < 500, f"{path}: {answer.text}"
            self.told[f"{self.who} {path}"] = [answer.status_code, _without_ids_of_requests(said)]
        return said


def _without_ids_of_requests(said: Any) -> Any:
    if isinstance(said, dict):
        kept = {name: value for name, value in said.items() if name != "request_id"}
        return {name: _without_ids_of_requests(value) for name, value in kept.items()}
    return [_without_ids_of_requests(each) for each in said] if isinstance(said, list) else said
