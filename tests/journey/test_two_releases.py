"""Two releases on the same tables, queue and KMS key, side by side, as while a stack is upgraded.

The old one is the commit that `infra/previous-release` names, taken out of git and run with this
environment's packages, whose pins are the same or newer. The new one is the working tree. Each has
an API and a worker in processes of its own. What one begins, the other goes on with, over HTTP,
both ways round; in the end only the old one runs. CONTRIBUTING.md ("Releases") says what a failure
means.

Every row that the functions write is covered, in all nine tables: a ledger before DynamoDB notes
which release has written and which has read it, and the last test asks it for each kind of row in
`tests/support/row_kinds.py`, which has to name all that the code has. What cannot cross is in
`UNCROSSED`; the operator's program is no part of it, since nobody restores during an upgrade. The
new release must also write every attribute that the old one writes.
"""

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from http.cookiejar import CookieJar

import pytest

from chalicelib.primitives import new_id
from tests.support.chat_models import CHATS, CONFIGS, PROVIDERS
from tests.support.identity_provider import Staff
from tests.support.people import ME, ORGANIZATIONS, USERS
from tests.support.release_survey import opened, survey
from tests.support.release_talks import Talk, talk_side_by_side
from tests.support.releases import Release, find_obstacle, previous_release, running
from tests.support.row_kinds import KINDS, classes_in_the_code, find_uncrossed, find_unwritten
from tests.support.servers import SERVERS, create_server, server_body
from tests.support.two_releases import AUDIT, World, created, got, require_same, two_releases

LIMITS, JSON = f"{CHATS}/usage-limits", {"Accept": "application/json"}
GIF, IMAGE = b"GIF89a" + bytes(20), {"Content-Type": "image/gif"}
DIRECTIONS = ("old-new", "new-old")
UNCROSSED = {
    "identity DELETING/…": "goes with the request that wrote it, unless there is very much",
    "chats FILES#LOOSE/…": "goes with the request that wrote it, or is left alone for an hour",
}
"""Kinds of rows that no story here brings across, and why. What is new in this release stands here
as well, and goes when it is the previous one; so does `<kind> <attribute>` that is not written any
more, since the previous release does without it."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if obstacle := find_obstacle(previous_release()):
        pytest.skip(obstacle)
    with two_releases(tmp_path_factory.mktemp("releases")) as started:
        yield started


@pytest.fixture(params=DIRECTIONS)
def pair(world: World, request: pytest.FixtureRequest) -> tuple[Release, Release]:
    """The one that begins, and the one that goes on."""
    return (world.old, world.new) if request.param == "old-new" else (world.new, world.old)


@pytest.fixture(autouse=True)
def _note_the_story(world: World, request: pytest.FixtureRequest) -> Iterator[None]:
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed == failed:
        world.told.add(request.node.name)


def test_people_and_where_they_belong(world: World, pair: tuple[Release, Release]) -> None:
    first, second = pair
    mara, name = world.join(first, f"mara-{first.name}"), f"team-{first.name}"
    with world.admin.at(first) as there, world.admin.at(second) as here, mara.at(first) as her:
        team = {"name": name, "display_name": "Team", "description": "Ships."}
        path = f"{ORGANIZATIONS}/{created(there.post(ORGANIZATIONS, json=team))['id']}"
        created(there.post(f"{path}/members/{mara.id}", json={"roles": ["organization-admin"]}))
        group = created(there.post(f"{path}/groups", json={"name": "crew"}))
        crew = f"{path}/groups/{group['id']}"
        got(there.put(f"{crew}/members/{mara.id}"))
        body = {"name": "Ship", "instructions": "Be brief.", "default_mcp_server_ids": []}
        ship = f"{path}/workspaces/{created(her.post(f'{path}/workspaces', json=body))['id']}"

        for taken, again in (
            (USERS, {"username": mara.name, "email": "other@example.com"}),
            (USERS, {"username": f"x-{first.name}", "email": f"{mara.name}@example.com"}),
            (ORGANIZATIONS, team),
            (f"{path}/groups", {"name": "crew"}),
            (f"{path}/workspaces", body),
        ):
            assert here.post(taken, json=again).status_code == 409, taken
        for place, change in (
            (f"{USERS}/{mara.id}", {"name": "Mara Lind", "roles": ["owner"]}),
            (path, {"display_name": "The team"}),
            (crew, {"display_name": "The crew"}),
            (ship, {"instructions": "Be brief, please."}),
        ):
            before = got(there.get(place))
            changed = got(here.patch(place, json=change))
            require_same(got(there.get(place)), changed)
            kept = {name: before[name] for name in before if name not in {*change, "updated_at"}}
            require_same(kept, changed)
        assert mara.id in [each["user_id"] for each in got(here.get(f"{path}/members"))]
        assert got(her.get(USERS))["users"], "an owner by now"
        got(there.patch(f"{USERS}/{mara.id}", json={"roles": []}))
    with mara.at(second) as her:
        assert her.get(USERS).status_code == 403


def test_sessions_tokens_and_the_answers_that_are_kept(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara = world.join(first, f"tokens-{first.name}")
    tokens = f"{ME}/keys/tokens"
    asked = {"token_name": "ci", "lifetime": 600, "scopes": ["read"]}
    with mara.at(first) as there, mara.at(second) as here:
        key = {"Idempotency-Key": new_id()}
        token = created(there.post(tokens, json=asked, headers=key))
        again = here.post(tokens, json=asked, headers=key)
        assert created(again) == token
        assert again.headers["Idempotent-Replayed"] == "true"
        with first.client(token["key"]) as reader, second.client(token["key"]) as other:
            assert got(other.get(ME))["id"] == mara.id
            assert other.patch(ME, json={"name": "M"}).status_code == 403
            got(here.delete(f"{ME}/keys/{token['id']}"))
            assert reader.get(ME).status_code == 401
    jar = world.sign_in(first, mara)
    with world.browser(first, jar) as there, world.browser(second, jar) as here:
        assert got(here.get(ME, headers=JSON))["id"] == mara.id
        session = CookieJar()
        for cookie in jar:
            session.set_cookie(cookie)
        got(here.post(f"{USERS}/logout"))
    with world.browser(first, session) as there:
        assert there.get(ME, headers=JSON).status_code == 401


def test_the_audit_log_is_one_and_is_paged_through_at_both(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara = world.join(first, f"watched-{first.name}")
    with mara.at(first) as there, mara.at(second) as here:
        made = [created(each.post(f"{ME}/keys/tokens", json={}))["id"] for each in (there, here)]
    place = f"{AUDIT}?actor={mara.id}&limit=1"
    with world.admin.at(first) as there, world.admin.at(second) as here:
        page = got(there.get(place))
        rest = got(here.get(f"{place}&cursor={page['next_cursor']}"))
    assert [each["object_id"] for each in page["events"] + rest["events"]] == made[::-1]


def test_a_sign_in_begun_on_one_ends_on_the_other(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    name = f"jane-{first.name}"
    world.staff.person = Staff(sub=name, email=f"{name}@example.com", preferred_username=name)
    for begin, end in ((second, first), (first, second)):  # As a new user, and as a known one.
        jar = CookieJar()
        with world.browser(begin, jar) as browser:
            asked = browser.get("/api/v2/users/oidc/login").headers["Location"]
        with world.browser(end, jar) as browser:
            browser.get(world.staff.authorize(asked)).raise_for_status()
    with world.browser(first, jar) as browser, world.admin.at(first) as admin:
        me = got(browser.get(ME, headers=JSON))
        assert me["username"] == name
        token = created(admin.post(f"{USERS}/{me['id']}/keys/tokens", json={}))["key"]
        body = {"slug": f"oidc-{first.name}", "url": world.plain_url, "auth_type": "user_oidc"}
        made = create_server(admin, enabled=True, **body)
        tools = f"{SERVERS}/{made['id']}/tools?refresh=true"
    # The tokens are sealed: the first renews what the second has stored, and the other way round.
    for release in (first, second):
        with release.client(token) as jane:
            world.plain.seen.clear()
            got(jane.get(tools))
            number = sum(form["grant_type"] == "refresh_token" for form in world.staff.forms)
            assert world.plain.values_of("Authorization") == {f"Bearer login-access-token-{number}"}


def test_mcp_servers_with_their_secrets_rules_and_lists(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara = world.join(first, f"keeper-{first.name}")
    everything = {
        "description": "All that can be said.",
        "tool_allow_list": ["search"],
        "tool_deny_list": ["remove"],
        "tool_rules": {"search": "allow"},
        "tool_changes": "withhold",
        "forward_identity_headers": True,
        "model_intent": True,
        "allow_in_plan_mode": True,
        "organization_ids": [world.organization_id],
        "availability": "default_on",
        "enabled": True,
        "url": world.plain_url,
    }
    key = {"auth_type": "api_key", "api_key_header": "X-Key", "api_key_value": f"key-{first.name}"}
    body = {"slug": f"key-{first.name}", **everything, **key}
    with world.admin.at(first) as there, world.admin.at(second) as here, mara.at(second) as her:
        path = f"{SERVERS}/{create_server(there, **body)['id']}"
        assert here.post(SERVERS, json=server_body(**body)).status_code == 409
        read = there.get(path)
        require_same(got(here.get(path)), got(read))
        match = {"If-Match": read.headers["ETag"]}
        change = {"display_name": "Changed", "tool_rules": {"search": "ask"}}
        changed = got(here.patch(path, json=change, headers=match))
        assert there.patch(path, json=change, headers=match).status_code == 409
        require_same(got(there.get(path)), changed)
        require_same({**got(read), **change, "updated_at": changed["updated_at"]}, changed)
        there.put(f"{path}/icon", content=GIF, headers=IMAGE).raise_for_status()
        assert here.get(f"{path}/icon", headers={"Accept": "image/gif"}).content == GIF
        approved = got(there.post(f"{path}/tools/approvals", json={"all": True}))
        require_same(got(here.get(f"{path}/tools/approvals")), approved)
        got(there.patch(f"{path}/acl", json={"user_roles": {mara.id: "read"}}))
        assert mara.id in [each["id"] for each in got(here.get(f"{path}/acl"))["users"]]
        world.plain.seen.clear()
        got(her.get(f"{path}/tools?refresh=true"))
        assert world.plain.values_of("X-Key") == {f"key-{first.name}"}


def test_header_values_of_the_admin_s_and_of_a_user_s_own(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara = world.join(first, f"headers-{first.name}")
    headers = {"custom_headers": {"X-Admin": "all"}, "user_header_names": ["X-Own"]}
    names = {"slug": f"own-{first.name}", "url": world.plain_url, "auth_type": "custom_headers"}
    with world.admin.at(first) as admin:
        path = f"{SERVERS}/{create_server(admin, **names, **headers, enabled=True)['id']}"
    with mara.at(first) as there, mara.at(second) as here:
        for keeping, using in ((there, here), (here, there)):
            value = new_id()
            got(keeping.put(f"{path}/user-headers", json={"values": {"X-Own": value}}))
            world.plain.seen.clear()
            got(using.get(f"{path}/tools?refresh=true"))
            assert world.plain.values_of("X-Own") == {value}
            assert world.plain.values_of("X-Admin") == {"all"}


def test_a_connection_begun_on_one_ends_on_the_other_and_is_renewed_by_both(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara = world.join(first, f"connected-{first.name}")
    body = {"slug": f"tickets-{first.name}", "url": world.tickets.url, "auth_type": "oauth2"}
    with world.admin.at(first) as admin:
        path = f"{SERVERS}/{create_server(admin, enabled=True, **body)['id']}"
    with mara.at(first) as there, mara.at(second) as here:
        world.connect(mara, path, first, second, seconds=5)
        world.authority.token_seconds = 3600
        got(there.get(f"{path}/tools?refresh=true"))  # Which renews the other's tokens,
        got(here.get(f"{path}/tools?refresh=true"))  # and the other uses these.
        world.tickets.needed_scopes = {"tools/call": "deploy"}
        call = {"name": "search", "arguments": {}}
        assert there.post(f"{path}/tools/call", json=call).json()["code"] == "step_up_required"
        world.tickets.needed_scopes = {}
        assert "deploy" in world.connect(mara, path, second, first, seconds=5)
        got(here.get(f"{path}/tools?refresh=true"))
        got(there.get(f"{path}/tools?refresh=true"))
        got(here.delete(f"{path}/oauth2/disconnect"))
        assert there.get(f"{path}/tools").json()["code"] == "connect_required"
    known = len(world.authority.clients)
    with world.admin.at(second) as admin:
        got(admin.delete(path))
    assert len(world.authority.clients) == known - 1  # By the registration's own token.


def test_models_and_limits_of_what_may_be_spent(
    world: World, pair: tuple[Release, Release]
) -> None:
    first, second = pair
    mara, limit = world.join(first, f"spender-{first.name}"), {"spend_limit_micros": 5_000_000}
    with world.admin.at(first) as there, world.admin.at(second) as here, mara.at(second) as her:
        model = f"{CONFIGS}/{world.offer_model(first, is_default=True)}"
        assert [each["id"] for each in got(her.get(f"{CHATS}/models")) if each["is_default"]] == [
            model.rpartition("/")[2]
        ]
        provider = f"{PROVIDERS}/{got(here.get(model))['provider_id']}"
        for path, change in ((model, {"context_limit": 64_000}), (provider, {"enabled": False})):
            changed = got(here.patch(path, json=change))
            require_same(got(there.get(path)), changed)
        got(there.put(LIMITS, json={"spend_limit_micros": 9_000_000}))
        got(there.put(f"{LIMITS}/overrides/{mara.id}", json=limit))
        got(here.put(f"{LIMITS}/group-overrides/{world.organization_id}", json=limit))
        require_same(got(here.get(LIMITS)), got(there.get(LIMITS)))
        assert got(her.get(f"{LIMITS}/status"))["limit_micros"] == 5_000_000
        got(here.delete(f"{LIMITS}/overrides/{mara.id}"))


def test_chats_go_on_whichever_release_works(world: World) -> None:
    """One worker after the other, as when all functions are replaced, then both at once."""
    old, new = world.old, world.new
    human, rules = world.join(old, "talker"), {"create_issue": "ask"}
    body = {"slug": "talk", "url": world.tickets.url, "auth_type": "oauth2", "tool_rules": rules}
    with world.admin.at(old) as admin:
        server_id = create_server(admin, enabled=True, **body)["id"]
    world.connect(human, f"{SERVERS}/{server_id}", old, new, seconds=3600)
    by_old, by_new = (
        Talk(world, human, first, second, server_id, world.offer_model(first))
        for first, second in ((old, new), (new, old))
    )
    by_old.begin()
    with new.working():
        by_old.go_on()
        by_old.change()
    by_new.begin()
    with ExitStack() as later:
        with old.working():
            by_new.go_on()
            by_new.change()
            by_old.decide()
            later.enter_context(new.working())
            talk_side_by_side(by_old, by_new)
        by_new.decide()


def test_what_the_new_one_has_sealed_anew_the_old_one_opens(world: World) -> None:
    """The operator's program rotates and re-seals beside an older release (docs/operations.md)."""
    before = opened(world, world.old)
    world.new.operate("keys", "rotate", "--all")
    assert " 0 left" in world.new.operate("keys", "reseal")
    assert opened(world, world.old) == before
    world.new.operate("keys", "rotate", "--all")  # What is sealed stays under the former keys now.


def test_after_a_roll_back_everything_is_there(world: World) -> None:
    before = survey(world, world.new)
    world.new.end()
    world.old.end()
    with running(world.old):  # Started anew, it knows only what is in the tables.
        require_same(survey(world, world.old), before)
        mara = world.join(world.old, "back-again")
        with mara.at(world.old) as client:  # The answer is sealed with a key of the new one's.
            key = {"Idempotency-Key": new_id()}
            token = created(client.post(f"{ME}/keys/tokens", json={}, headers=key))
            assert created(client.post(f"{ME}/keys/tokens", json={}, headers=key)) == token


def test_neither_release_has_complained(world: World) -> None:
    lines = world.old.logged() + world.new.logged()
    assert [each for each in lines if each.get("level") == "ERROR"] == []
    ends = [each["outcome"] for each in lines if each.get("message") in {"turn", "reaper"}]
    assert set(ends) <= {"done"}  # A hint that was not understood is dropped.


def test_every_kind_of_row_was_written_by_one_and_read_by_the_other(
    world: World, request: pytest.FixtureRequest
) -> None:
    assert classes_in_the_code() <= set(KINDS.values())
    if untold := stories() - world.told - {request.node.name}:
        pytest.skip(f"{len(untold)} of the stories above were not told to their ends")
    assert find_uncrossed(world.ledger) | find_unwritten(world.ledger) == set(UNCROSSED)


def stories() -> set[str]:
    """The names of all tests here, as pytest has them."""
    return {
        f"{name}{way}"
        for name, test in globals().items()
        if name.startswith("test_")
        for way in ([f"[{each}]" for each in DIRECTIONS] if takes_a_pair(test) else [""])
    }


def takes_a_pair(test: object) -> bool:
    """Whether a test is run both ways round."""
    return callable(test) and "pair" in inspect.signature(test).parameters
