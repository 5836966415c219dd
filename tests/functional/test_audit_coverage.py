"""Every change is recorded, exactly once and together with it; no secret is.

It walks the endpoints by the steps of `test_costs.py`, where a new endpoint must have one.
"""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.api import ROUTES
from tests.functional.test_costs import CHAT, COSTS, Caller
from tests.support import aws
from tests.support.deployment import ADMIN_TOKEN, Deployment
from tests.support.journey import World
from tests.support.servers import SERVERS, server_body
from tests.support.tables import everything_but, table_items

# What changes something although its method is GET.
CHANGING_READS = {
    "GET /api/experimental/mcp/servers/{server_id}/oauth2/callback",
    "GET /api/v2/users/oidc/callback",
}
# What changes something and is not recorded, and why.
EXCEPTIONS = {
    "POST /api/experimental/mcp/servers/{server_id}/tools/call": "It changes nothing of ours; "
    "what it does at the server is the server's to record, and each call has a line in our log.",
    **dict.fromkeys(
        (
            f"POST {CHAT}/messages",
            f"PATCH {CHAT}/messages/{{message_id}}",
            f"POST {CHAT}/interrupt",
            f"POST {CHAT}/retry",
            f"POST {CHAT}/title/regenerate",
            f"DELETE {CHAT}/queue/{{queued_id}}",
            f"POST {CHAT}/queue/{{queued_id}}/promote",
        ),
        "It is the owner's own conversation, and changes nothing of what the chat may do.",
    ),
    f"POST {CHAT}/stream-tickets": "It opens one socket within a minute, to what its maker reads.",
}
ENDPOINTS = {f"{route.method} {route.path}" for route in ROUTES}
RECORDED = sorted(
    ({each for each in ENDPOINTS if not each.startswith("GET ")} | CHANGING_READS)
    - EXCEPTIONS.keys()
)


@contextmanager
def caller_in(world: World) -> Iterator[Caller]:
    with world.deployment.admin as client, world.browser() as browser:
        caller = Caller(world, client, browser)
        caller.prepare_callback()
        yield caller


def test_the_lists_of_this_file_name_endpoints_that_exist() -> None:
    assert CHANGING_READS | EXCEPTIONS.keys() <= ENDPOINTS
    assert all(EXCEPTIONS.values())


@pytest.mark.parametrize("endpoint", RECORDED)
def test_a_change_is_recorded_once(world: World, endpoint: str) -> None:
    with caller_in(world) as caller:
        before = table_items("audit")
        answer = COSTS[endpoint][0](caller)
    assert answer.status_code < 400, answer.text
    (event,) = [item for item in table_items("audit") if item not in before]
    assert event["request_id"]["S"] == answer.headers["x-request-id"]
    assert event["actor_username"]["S"] == "admin"
    assert event["source_ip"]["S"] == "127.0.0.1"


def test_what_only_reads_records_nothing(world: World) -> None:
    with caller_in(world) as caller:
        before = table_items("audit")
        for endpoint in sorted(ENDPOINTS - set(RECORDED)):
            answer = COSTS[endpoint][0](caller)
            assert answer.status_code < 400, endpoint
            assert table_items("audit") == before, endpoint


def test_what_cannot_be_recorded_is_not_done(world: World) -> None:
    with caller_in(world) as caller:
        aws.lose_table("audit")
        # A data key that a refused action was the first to want is nobody's change.
        unrecorded = ("audit", "keys")
        before = everything_but(*unrecorded)
        for endpoint in RECORDED:
            answer = COSTS[endpoint][0](caller)
            assert answer.status_code == 503, endpoint
            assert everything_but(*unrecorded) == before, endpoint


def odd_text(chance: random.Random, secret: str) -> str:
    """A secret between characters that might escape some filter."""
    around = ["", " ", "?", "&k=", "%20", "'", "}", ":", "//", "@"]
    return f"{chance.choice(around)}{secret}{chance.choice(around)}"


def test_no_secret_is_ever_in_the_log(deployment: Deployment) -> None:
    """Property: whatever servers are made of and changed to."""
    chance, written = random.Random(20261123), 0
    with deployment.admin as admin:
        for number in range(20):
            secret = f"sentinel-{chance.randrange(10**9)}"
            secrets: dict[str, Any] = {
                "oauth2_client_secret": odd_text(chance, secret),
                "api_key_value": odd_text(chance, secret),
                "custom_headers": {f"X-{secret}": odd_text(chance, secret)},
                "url": f"https://tickets.example/{number}?key={secret}",
                "oauth2_revocation_url": f"https://login.example/revoke?k={secret}",
                "description": f"See http://wiki.example/?token={secret}",
            }
            oauth2 = {
                "oauth2_client_id": "client-1",
                "oauth2_auth_url": f"https://login.example/authorize?hint={secret}",
                "oauth2_token_url": "https://login.example/token",
                "api_key_header": "X-Key",
            }
            auth_type = chance.choice(["oauth2", "api_key", "custom_headers"])
            body = server_body(slug=f"s-{number}", auth_type=auth_type, **oauth2, **secrets)
            created = admin.post(SERVERS, json=body)
            assert created.status_code == 201, created.text
            path = f"{SERVERS}/{created.json()['id']}"
            names = chance.sample(sorted(secrets), 4)
            kept = {name: secrets[name] for name in names}
            again = {"auth_type": chance.choice(["oauth2", "api_key", "custom_headers", "none"])}
            answers = [admin.patch(path, json={**oauth2, **kept, **again}), admin.delete(path)]
            written += 1 + sum(answer.status_code < 300 for answer in answers)
        assert "sentinel" not in admin.get("/api/v2/audit?limit=200").text
    log = json.dumps(table_items("audit"), default=str)
    assert "sentinel" not in log
    assert ADMIN_TOKEN not in log
    assert len(table_items("audit")) >= written > 40
    assert any("oauth2_client_secret" in item["diff"]["S"] for item in table_items("audit"))
