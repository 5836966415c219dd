"""The audit log: who may read it, how it is searched, paged, exported, and when it ends."""

import json
from datetime import UTC, datetime

import pytest

from tests.support.audit import AUDIT, ORGANIZATIONS, events, ids, me, page_through
from tests.support.deployment import Deployment, error_of, start_deployment
from tests.support.servers import MANUAL_OAUTH2, NOWHERE, SERVERS, create_server
from tests.support.tables import table_items


def test_events_are_found_by_actor_object_kind_and_action(deployment: Deployment) -> None:
    with deployment.admin as admin, deployment.new_member("mara") as mara:
        one, two = create_server(admin)["id"], create_server(admin, slug="two")["id"]
        mara.post("/api/v2/users/me/keys/tokens", json={}).raise_for_status()
        admin.delete(f"{SERVERS}/{one}").raise_for_status()
        everything = events(admin)
        mara_id, admin_id = me(mara), me(admin)
        for query, wanted in (
            ({"actor": mara_id}, {"actor_id": mara_id}),
            ({"object_id": one}, {"object_id": one}),
            ({"object_type": "mcp_server"}, {"object_type": "mcp_server"}),
            ({"action": "delete"}, {"action": "delete"}),
            (
                {"actor": "me", "object_type": "mcp_server", "action": "create"},
                {"actor_id": admin_id, "object_type": "mcp_server", "action": "create"},
            ),
            (
                {"object_id": two, "actor": mara_id},
                {"object_id": two, "actor_id": mara_id},
            ),
        ):
            expected = [each for each in everything if wanted.items() <= each.items()]
            assert events(admin, **query) == expected, query
        assert len(events(admin, object_id=one)) == 2
        assert events(admin, actor=NOWHERE) == []


def test_a_range_of_time_includes_its_start_and_not_its_end(deployment: Deployment) -> None:
    with deployment.admin as admin:
        times = []
        for number in range(4):  # From November into February.
            create_server(admin, slug=f"s-{number}")
            times.append(deployment.clock.now.isoformat().replace("+00:00", "Z"))
            deployment.clock.advance(days=28)
        slugs = {
            (since, until): [
                event["diff"]["slug"]["new"]
                for event in events(
                    admin, object_type="mcp_server", **{"from": times[since], "to": times[until]}
                )
            ]
            for since, until in ((0, 3), (1, 2), (1, 1), (2, 1))
        }
        assert slugs == {(0, 3): ["s-2", "s-1", "s-0"], (1, 2): ["s-1"], (1, 1): [], (2, 1): []}
        since = {"from": "2027-01-01"}  # A date is the start of its day in UTC.
        assert len(events(admin, object_type="mcp_server", **since)) == 2
        offset = {"from": times[3].replace("12:00:00Z", "14:00:00+02:00")}
        assert len(events(admin, object_type="mcp_server", **offset)) == 1


@pytest.mark.parametrize("narrow", [{}, {"actor": "me"}, {"action": "create"}])
def test_pages_join_to_the_whole_without_gap_or_repetition(
    deployment: Deployment, narrow: dict[str, str]
) -> None:
    with deployment.admin as admin:
        for number in range(7):
            create_server(admin, slug=f"s-{number}")
            deployment.clock.advance(days=11)  # Over several months.
        whole = events(admin, **narrow)
        times = [event["time"] for event in whole]
        assert times == sorted(times, reverse=True)
        for limit in (1, 3, 200):
            pages = page_through(admin, limit=limit, **narrow)
            assert all(len(page) <= limit for page in pages)
            assert ids([event for page in pages for event in page]) == ids(whole)


def test_what_happens_while_one_pages_moves_nothing(deployment: Deployment) -> None:
    with deployment.admin as admin:
        for number in range(4):
            create_server(admin, slug=f"s-{number}")
        before = ids(events(admin))
        first = admin.get(f"{AUDIT}?limit=2").json()
        deployment.clock.advance(seconds=1)
        create_server(admin, slug="late")
        rest = events(admin, cursor=first["next_cursor"])
        assert ids(first["events"]) + ids(rest) == before


def test_a_cursor_is_the_callers_and_the_querys_own(deployment: Deployment) -> None:
    with deployment.admin as admin:
        other = {"username": "eve", "email": "eve@example.com", "roles": ["owner"]}
        eve_id = admin.post("/api/v2/users", json=other).json()["id"]
        key = admin.post(f"/api/v2/users/{eve_id}/keys/tokens", json={}).json()["key"]
        cursor = admin.get(f"{AUDIT}?limit=1").json()["next_cursor"]
        eve = deployment.client(key)
        for answer in (
            eve.get(AUDIT, params={"cursor": cursor}),
            admin.get(AUDIT, params={"cursor": cursor, "action": "create"}),
            admin.get(AUDIT, params={"cursor": cursor[:-2] + "AA"}),
            admin.get(AUDIT, params={"cursor": "forged"}),
        ):
            assert error_of(answer) == (400, "invalid_cursor")
        assert admin.get(AUDIT, params={"cursor": cursor, "limit": 7}).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=x", "limit"),
        ("actor=mara", "actor"),
        ("actor=", "actor"),
        ("object_id=x", "object_id"),
        ("organization_id=%00", "organization_id"),
        ("object_type=cat", "object_type"),
        ("action=", "action"),
        ("from=yesterday", "from"),
        ("to=2026-13-01", "to"),
        ("to=2026-11-23T12:00:00+00:00", "to"),  # A plus sign means a blank in a query.
    ],
)
def test_a_query_that_makes_no_sense_is_400_and_named(
    deployment: Deployment, query: str, field: str
) -> None:
    refused = deployment.admin.get(f"{AUDIT}?{query}")
    assert refused.status_code == 400
    assert [each["field"] for each in refused.json()["validations"]] == [field]


@pytest.mark.parametrize(
    "query", ["from=0001-01-01", "to=0001-01-01T00:00:00%2B23:59", "to=9999-12-31", "from=9999"]
)
def test_a_far_away_time_is_no_fault(deployment: Deployment, query: str) -> None:
    assert deployment.admin.get(f"{AUDIT}?{query}").status_code in {200, 400}


class Organization:
    """An organisation with an admin and a plain member, neither of them an owner."""

    def __init__(self, deployment: Deployment) -> None:
        self.admin, self.member = deployment.new_member("mara"), deployment.new_member("joe")
        with deployment.admin as owner:
            created = owner.post(ORGANIZATIONS, json={"name": "research"})
            self.id = created.raise_for_status().json()["id"]
            for client, roles in ((self.admin, ["organization-admin"]), (self.member, [])):
                path = f"{ORGANIZATIONS}/{self.id}/members/{me(client)}"
                owner.post(path, json={"roles": roles}).raise_for_status()


def test_an_organisations_admin_reads_its_events_and_no_others(deployment: Deployment) -> None:
    research = Organization(deployment)
    with deployment.admin as owner:
        create_server(owner)
        everything = events(owner)
        other_id = owner.get(ORGANIZATIONS).json()[0]["id"]
    expected = [each for each in everything if each.get("organization_id") == research.id]
    assert [each["object_type"] for each in expected].count("organization_member") == 2
    assert events(research.admin, organization_id=research.id) == expected
    narrowed = events(research.admin, organization_id=research.id, object_type="organization")
    assert ids(narrowed) == [each["id"] for each in expected if each["object_id"] == research.id]
    assert other_id != research.id
    for organization_id in (other_id, NOWHERE):
        refused = research.admin.get(f"{AUDIT}?organization_id={organization_id}")
        assert error_of(refused) == (404, "organization_not_found")
    assert error_of(research.admin.get(AUDIT)) == (403, "not_allowed")


def test_an_index_of_actors_or_objects_is_no_way_around(deployment: Deployment) -> None:
    """An organisation's admin who names an actor still gets only their organisation's events."""
    research = Organization(deployment)
    with deployment.admin as owner:
        create_server(owner)
        narrow = {"organization_id": research.id, "actor": me(owner)}
    found = events(research.admin, **narrow)
    assert len(found) == 3
    assert {each["organization_id"] for each in found} == {research.id}


@pytest.mark.parametrize("path", [AUDIT, f"{AUDIT}/export"])
def test_members_do_not_read_the_log(deployment: Deployment, path: str) -> None:
    research = Organization(deployment)
    assert error_of(research.member.get(path)) == (403, "not_allowed")
    refused = research.member.get(f"{path}?organization_id={research.id}")
    assert error_of(refused) == (403, "not_allowed")
    assert error_of(deployment.client().get(path)) == (401, "missing_token")


def test_the_export_is_the_same_events_a_line_each(deployment: Deployment) -> None:
    with deployment.admin as admin:
        for number in range(5):
            create_server(admin, slug=f"s-{number}")
            deployment.clock.advance(minutes=1)
        expected, lines, cursor = events(admin), [], ""
        for _ in range(10):
            cursor = f"&cursor={cursor}" if cursor else ""
            answer = admin.get(f"{AUDIT}/export?limit=3{cursor}")
            assert answer.headers["content-type"] == "application/x-ndjson"
            lines += answer.text.splitlines()
            cursor = answer.headers.get("x-next-cursor", "")
            if not cursor:
                break
        assert [json.loads(line) for line in lines] == expected
        assert error_of(admin.get(f"{AUDIT}/export?limit=1001")) == (400, "invalid_audit_query")


def test_a_page_stays_far_below_what_a_lambda_may_answer(deployment: Deployment) -> None:
    """6 MB: large events end a page early, and the cursor leads on."""
    with deployment.admin as admin:
        server = create_server(admin)
        for number in range(150):
            urls = ("url", "oauth2_auth_url", "oauth2_token_url", "oauth2_revocation_url")
            tools = [f"{number}-{n}" + "x" * 100 for n in range(9)]
            body = {
                **dict.fromkeys(("description", "oauth2_scopes"), f"{number}" + "x" * 1000),
                **dict.fromkeys(urls, f"https://a.example/{number}" + "x" * 980),
                **dict.fromkeys(("tool_allow_list", "tool_deny_list"), tools),
            }
            changed = admin.patch(f"{SERVERS}/{server['id']}", json={**MANUAL_OAUTH2, **body})
            assert changed.status_code == 200
            deployment.clock.advance(seconds=1)
        answer = admin.get(f"{AUDIT}/export?limit=1000")
        assert 1_000_000 < len(answer.content) < 4_500_000
        assert answer.headers["x-next-cursor"]
        total = len(answer.text.splitlines())
        rest = admin.get(f"{AUDIT}/export", params={"cursor": answer.headers["x-next-cursor"]})
        assert total + len(rest.text.splitlines()) == len(table_items("audit"))


def test_an_event_ends_with_the_retention(local_aws: None) -> None:
    deployment = start_deployment(CIBORIUM_AUDIT_RETENTION_DAYS="30")
    with deployment.admin as admin:
        server_id = create_server(admin)["id"]
        (item,) = [i for i in table_items("audit") if i["object_id"]["S"] == server_id]
        ends = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
        assert (ends - deployment.clock.now).days == 30
        deployment.clock.advance(days=29)
        assert len(events(admin, object_id=server_id)) == 1
        deployment.clock.advance(days=2)  # DynamoDB takes its time; nobody sees that.
        assert events(admin, object_id=server_id) == []
