"""Single writes whose answer is lost: botocore sends them again, and they meet themselves.

What journeys meet of it is in test_faults.py.
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.chats.errors import LeaseLostError
from chalicelib.chats.models import Fragment
from chalicelib.chats.repository import ChatRepository
from chalicelib.oidc.models import LoginTokens
from chalicelib.oidc.repository import LoginTokensRepository
from chalicelib.primitives import new_id, utc_now
from chalicelib.sdk.chats import Text
from tests.support.chats import CHATS, text
from tests.support.deployment import error_of, start_deployment
from tests.support.faults import LOST_ANSWER, SILENT, Wire
from tests.support.identity_provider import SETTINGS
from tests.support.journey import start_world
from tests.support.people import ME, default_organization
from tests.support.turns import talking

ONCE = range(1)
API_GATEWAY_WAITS = 29
TOKENS = LoginTokens(
    issuer="https://id.example",
    access_token=b"sealed",
    refresh_token=b"sealed too",
    scope="openid",
    expires_at=None,
)


@pytest.fixture
def chats(wire: Wire) -> ChatRepository:
    repository: ChatRepository = start_deployment().services._chat_repository
    return repository


def said(text: str) -> Fragment:
    return Fragment(message_id=2, holder=HOLDER, sequence=1, parts=(Text(text=text),))


HOLDER, CHAT = new_id(), new_id()


def test_a_preview_is_its_steps_own_although_it_was_stored_before(
    wire: Wire, chats: ChatRepository
) -> None:
    with wire.armed(LOST_ANSWER, ONCE):
        chats.add_fragment(CHAT, said("Hello"), utc_now())
    assert len(wire.attempts) == 2
    with pytest.raises(LeaseLostError):
        chats.add_fragment(CHAT, said("Something else"), utc_now())


def test_the_lease_on_renewing_a_sign_ins_tokens_is_taken_once_and_they_are_stored_once(
    wire: Wire,
) -> None:
    deployment, now = start_deployment(), utc_now()
    tokens: LoginTokensRepository = deployment.services._login_tokens_repository
    user_id = str(deployment.admin.get(ME).json()["id"])
    tokens.put(user_id, TOKENS, now)
    until = now + timedelta(seconds=15)
    with wire.armed(LOST_ANSWER, ONCE):
        assert tokens.claim(user_id, TOKENS, HOLDER, now, until)
    assert not tokens.claim(user_id, TOKENS, new_id(), now, until)
    renewed = replace(TOKENS, access_token=b"renewed", refresh_token=b"renewed too")
    with wire.armed(LOST_ANSWER, ONCE):
        assert tokens.complete(user_id, renewed, HOLDER)
    assert not tokens.complete(user_id, TOKENS, HOLDER)
    assert tokens.find(user_id) == renewed


def test_a_ticket_is_given_although_it_was_stored_before(wire: Wire) -> None:
    with talking(start_world(SETTINGS)) as talk:
        chat_id = talk.start("hello")
        path = f"{CHATS}/{chat_id}/stream-tickets"
        with wire.armed():
            assert talk.client.post(path).status_code == 201
        stored = wire.attempts.index("dynamodb.PutItem")
        with wire.armed(LOST_ANSWER, range(stored, stored + 1)):
            assert talk.client.post(path).status_code == 201


def test_a_black_hole_is_told_of_while_somebody_still_listens(wire: Wire) -> None:
    deployment = start_deployment(stopwatch=wire.now)
    wire.watch(*deployment.aws_clients)
    with wire.armed(SILENT, range(1000)):
        answer = deployment.admin.get(CHATS)
    assert error_of(answer) == (503, "storage_unavailable")
    assert 0 < wire.seconds < API_GATEWAY_WAITS


def test_answers_that_all_come_at_the_last_moment_are_waited_for_no_longer(wire: Wire) -> None:
    world = start_world({**SETTINGS, "stopwatch": wire.now})
    body = {"organization_id": default_organization(world.deployment), "content": text("hello")}
    with talking(world), wire.armed():
        wire.slow = 2.9
        answer = world.deployment.admin.post(CHATS, json=body, headers={"Idempotency-Key": "1"})
    assert error_of(answer) == (503, "storage_unavailable")
    assert wire.seconds < API_GATEWAY_WAITS


@pytest.mark.parametrize("calls", range(4, 13))
def test_renewed_tokens_are_stored_although_the_request_has_waited_for_long(
    wire: Wire, calls: int
) -> None:
    """Wherever its patience ends: the provider takes the former refresh token no more."""
    world = start_world({**SETTINGS, "stopwatch": wire.now})
    wire.watch(*world.deployment.aws_clients)
    server_id = world.connected()
    world.deployment.clock.advance(hours=2)
    with wire.armed():
        wire.slow = 10 / calls
        world.list_tools(server_id)
        wire.slow = 0.0
    world.deployment.clock.advance(minutes=1)  # A lease that could not be given back.
    assert world.list_tools(server_id).status_code == 200
