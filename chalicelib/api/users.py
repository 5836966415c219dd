"""Users and their tokens."""

from dataclasses import replace

from chalicelib.api.call import Call
from chalicelib.api.contract import Answer, Parameter, limit
from chalicelib.api.people_wire import to_token, to_user
from chalicelib.api.replies import Reply, json_reply, message_reply
from chalicelib.api.routing import Route
from chalicelib.identity.models import User
from chalicelib.identity.permissions import TokenScope
from chalicelib.sdk import requests
from chalicelib.sdk.identity import CreateTokenReply, Token, Users
from chalicelib.sdk.identity import User as WireUser
from chalicelib.sdk.system import Message


def list_users(call: Call) -> Reply:
    """A page of users, by user name.

    For owners. `q` looks into user name, address and name. Who is being deleted is told only where
    `status` is `deleting`: those are deletions that were interrupted.
    """
    page = call.services.users.list_page(
        call.actor,
        limit=call.limit(),
        after_id=call.query("after_id"),
        search=call.query("q") or "",
        status=call.query("status"),
    )
    return json_reply(Users(users=[to_user(user) for user in page.users], has_more=page.has_more))


def get_user(call: Call, user_id: str) -> Reply:
    """A user by id, or `me`."""
    return json_reply(_wire(call, call.services.users.get(call.actor, user_id)))


def create_user(call: Call) -> Reply:
    """Add a person.

    For owners.
    """
    user = call.services.users.create(call.actor, call.body(requests.identity.CreateUserRequest))
    return json_reply(to_user(user, []), 201)


def update_user(call: Call, user_id: str) -> Reply:
    """Change a person.

    Everybody may change their own `name`; an owner all of it. New roles hold from the next request
    on, with every token; `[]` leaves `member`.
    """
    user = call.services.users.update(
        call.actor, user_id, call.body(requests.identity.UpdateUserRequest)
    )
    return json_reply(_wire(call, user))


def suspend_user(call: Call, user_id: str) -> Reply:
    """Lock a person out, at once.

    For owners. The next request with any token or session is 401. Sessions end; API tokens wait.
    """
    return json_reply(_wire(call, call.services.users.suspend(call.actor, user_id)))


def activate_user(call: Call, user_id: str) -> Reply:
    """Let a suspended person in again.

    For owners. API tokens are good again.
    """
    return json_reply(_wire(call, call.services.users.activate(call.actor, user_id)))


def delete_user(call: Call, user_id: str) -> Reply:
    """Remove a person and what they have; 202 if there is too much for one request.

    For owners. Their sessions, tokens, memberships, connections (revoked at the providers, while
    time lasts) and chats go with them. The first write locks out, hides, and frees address and
    user name. 202 says that more is left than one request can remove, and an interrupted one
    leaves some: repeat it until it is 204.
    """
    if call.services.users.delete(call.actor, user_id):
        return Reply(204)
    message = "They are locked out and gone from every list. Repeat the request to remove the rest."
    return replace(message_reply(message), status=202)


def create_token(call: Call, user_id: str) -> Reply:
    """A new API token; its text is in this answer only.

    `lifetime` is in seconds. Names are unique, and a user has 50 tokens at most. An owner may make
    one for anybody, and so act as them: give that role to few.
    """
    request = call.body(requests.identity.CreateTokenRequest)
    token, text = call.services.tokens.create(call.actor, user_id, request)
    return json_reply(CreateTokenReply(id=token.id, key=text, expires_at=token.expires_at), 201)


def list_tokens(call: Call, user_id: str) -> Reply:
    """A user's API tokens and sessions, without what is secret."""
    found = call.services.tokens.list_all(call.actor, user_id)
    return json_reply([to_token(token) for token in found])


def get_token(call: Call, user_id: str, key_id: str) -> Reply:
    """One token."""
    return json_reply(to_token(call.services.tokens.get(call.actor, user_id, key_id)))


def revoke_token(call: Call, user_id: str, key_id: str) -> Reply:
    """End a token at once.

    The sessions that were begun with it end as well.
    """
    call.services.tokens.revoke(call.actor, user_id, key_id)
    return Reply(204)


def _wire(call: Call, user: User) -> WireUser:
    return to_user(user, call.services.organizations.ids_of(user.id))


_ALL = "/api/v2/users"
_ONE = f"{_ALL}/{{user_id}}"
ROUTES = (
    Route(
        "GET",
        _ALL,
        list_users,
        reply=Users,
        query=(
            limit(100),
            Parameter("after_id", "The last user of the page before.", format="uuid"),
            Parameter("q", "What names or e-mail addresses shall contain."),
            Parameter("status", "Only these.", choices=("active", "suspended", "deleting")),
        ),
    ),
    Route(
        "POST",
        _ALL,
        create_user,
        creates=True,
        body=lambda: requests.identity.CreateUserRequest,
        reply=WireUser,
        status=201,
    ),
    Route("GET", _ONE, get_user, any_token=True, reply=WireUser),
    Route(
        "PATCH",
        _ONE,
        update_user,
        body=lambda: requests.identity.UpdateUserRequest,
        reply=WireUser,
        errors=(409,),
    ),
    Route("DELETE", _ONE, delete_user, status=204, also=(Answer(202, Message),), errors=(409,)),
    Route("PUT", f"{_ONE}/status/suspend", suspend_user, reply=WireUser, errors=(409,)),
    Route("PUT", f"{_ONE}/status/activate", activate_user, reply=WireUser),
    Route(
        "POST",
        f"{_ONE}/keys/tokens",
        create_token,
        scope=TokenScope.ALL,
        creates=True,
        body=lambda: requests.identity.CreateTokenRequest,
        reply=CreateTokenReply,
        status=201,
    ),
    Route("GET", f"{_ONE}/keys/tokens", list_tokens, reply=list[Token]),
    Route("GET", f"{_ONE}/keys/{{key_id}}", get_token, reply=Token),
    Route("DELETE", f"{_ONE}/keys/{{key_id}}", revoke_token, status=204),
)
