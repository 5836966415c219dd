"""Images that people upload for their chats."""

import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chalicelib import events
from chalicelib.encryption import SealedValueError
from chalicelib.sdk import InvalidRequestError, NotFoundError
from tests.functional.test_icons import CHROME, GIF, IMAGES, JPEG, PNG, WEBP
from tests.support import aws
from tests.support.chats import CHATS, offer_model, text
from tests.support.deployment import Deployment, error_of
from tests.support.journey import World
from tests.support.people import ORGANIZATIONS, Person, default_organization, join, new_person
from tests.support.sdk import sdk_client
from tests.support.servers import NOWHERE
from tests.support.tables import table_items
from tests.support.turns import talking

FILES = f"{CHATS}/files"
MOST = 4 * 1024 * 1024
TABLE = f"ciborium-{aws.STAGE}-chats"


def upload(
    client: httpx.Client,
    organization_id: str,
    image: bytes = PNG,
    kind: str = "image/png",
    key: str | None = None,
) -> httpx.Response:
    path = f"{FILES}?organization={organization_id}"
    headers = {"Content-Type": kind} | ({"Idempotency-Key": key} if key else {})
    return client.post(path, content=image, headers=headers)


def uploaded(client: httpx.Client, organization_id: str, image: bytes = PNG) -> str:
    answer = upload(client, organization_id, image, "application/octet-stream")
    assert answer.status_code == 201, answer.text
    return f"{FILES}/{answer.json()['id']}"


def large(size: int = MOST) -> bytes:
    """An image whose pieces all differ."""
    body = b"".join(number.to_bytes(4, "big") for number in range(size // 4))
    return (PNG + body)[:size]


def stored_chunks() -> list[dict[str, Any]]:
    return [item for item in table_items("chats") if item["SK"]["S"] == "chunk"]


@pytest.fixture
def home(deployment: Deployment) -> str:
    return default_organization(deployment)


@pytest.fixture
def mara(deployment: Deployment, home: str) -> Person:
    person = new_person(deployment)
    join(deployment, home, person)
    return person


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("is_named", [True, False], ids=["named", "octet-stream"])
def test_an_image_comes_back_as_it_was(
    mara: Person, home: str, kind: str, *, is_named: bool
) -> None:
    called = kind if is_named else "application/octet-stream"
    with mara.client as client:
        created = upload(client, home, IMAGES[kind], called)
        assert created.status_code == 201
        shown = client.get(f"{FILES}/{created.json()['id']}", headers={"Accept": CHROME})
    assert (shown.status_code, shown.headers["content-type"]) == (200, kind)
    assert shown.content == IMAGES[kind]


def test_an_image_can_do_nothing_but_be_shown(mara: Person, home: str) -> None:
    with mara.client as client:
        path = uploaded(client, home)
        headers = client.get(path, headers={"Accept": CHROME}).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["content-disposition"] == "inline"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        known = {"If-None-Match": headers["etag"], "Accept": CHROME}
        assert client.get(path, headers=known).status_code == 304


@pytest.mark.parametrize(
    ("image", "kind", "expected"),
    [
        (GIF, "image/png", (400, "invalid_chat_file")),
        (JPEG, "application/json", (400, "invalid_chat_file")),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/png", (400, "invalid_chat_file")),
        (b"<html></html>", "application/octet-stream", (400, "invalid_chat_file")),
        (b"", "image/png", (400, "invalid_chat_file")),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "image/svg+xml",
            (415, "unsupported_media_type"),
        ),
        (b"<html></html>", "text/html", (415, "unsupported_media_type")),
    ],
)
def test_what_is_no_image_or_is_called_another_is_refused(
    mara: Person, home: str, image: bytes, kind: str, expected: tuple[int, str]
) -> None:
    with mara.client as client:
        assert error_of(upload(client, home, image, kind)) == expected
    assert table_items("chats") == []


def test_an_upload_must_say_that_it_is_an_image(mara: Person, home: str) -> None:
    """API Gateway would take it for text otherwise, and change its bytes."""
    with mara.client as client:
        refused = client.post(f"{FILES}?organization={home}", content=GIF)
    assert error_of(refused) == (400, "invalid_chat_file")


def test_four_megabytes_are_kept_and_a_byte_more_is_refused(mara: Person, home: str) -> None:
    with mara.client as client:
        path = uploaded(client, home, large())
        assert client.get(path, headers={"Accept": "image/png"}).content == large()
        refused = upload(client, home, large() + b"\x00")
        assert error_of(refused) == (413, "body_too_large")
        assert "4096 KiB" in refused.json()["message"]
    assert len(stored_chunks()) == 11
    assert len({item["PK"]["S"] for item in stored_chunks()}) == 11


def test_other_bodies_stay_small(mara: Person) -> None:
    with mara.client as client:
        refused = client.post(CHATS, json={"content": "x" * 300_000})
    assert error_of(refused) == (413, "body_too_large")


def test_nobody_sees_anothers_file(deployment: Deployment, mara: Person, home: str) -> None:
    with mara.client as client, deployment.admin as admin:
        path = uploaded(client, home)
        for refused in (admin.get(path), admin.delete(path), client.get(f"{FILES}/{NOWHERE}")):
            assert error_of(refused) == (404, "chat_file_not_found")
        assert client.get(f"{FILES}/x").status_code == 404
        assert deployment.client().get(path).status_code == 401
        assert client.get(path, headers={"Accept": CHROME}).content == PNG


def test_files_are_uploaded_to_ones_own_organizations(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with deployment.admin as admin, mara.client as client:
        theirs = admin.post(ORGANIZATIONS, json={"name": "theirs"}).json()["id"]
        for organization_id in (theirs, NOWHERE, "x"):
            assert error_of(upload(client, organization_id)) == (403, "not_a_member")
        missing = client.post(FILES, content=PNG, headers={"Content-Type": "image/png"})
        assert error_of(missing) == (400, "invalid_query")
    assert table_items("chats") == []


def test_a_message_shows_its_senders_files_of_the_chats_organization(
    deployment: Deployment, mara: Person, home: str
) -> None:
    offer_model(deployment)
    with deployment.admin as admin:
        other = admin.post(ORGANIZATIONS, json={"name": "other"}).json()["id"]
        join(deployment, other, mara)
        admins = uploaded(admin, home)
    with mara.client as client:
        own, elsewhere = uploaded(client, home, GIF), uploaded(client, other)
        ids = [path.rpartition("/")[2] for path in (own, elsewhere, admins)]
        shown = {"type": "file", "file_id": ids[0]}
        chat = client.post(
            CHATS, json={"organization_id": home, "content": [*text("Look:"), shown, shown]}
        )
        assert chat.status_code == 201, chat.text
        messages = f"{CHATS}/{chat.json()['id']}/messages"
        (message,) = client.get(messages).json()["messages"]
        assert message["content"][1:] == [{**shown, "media_type": "image/gif"}] * 2
        for unknown in (*ids[1:], NOWHERE):
            parts = [shown, {"type": "file", "file_id": unknown}]
            refused = client.post(messages, json={"content": parts})
            assert error_of(refused) == (400, "invalid_content")
            assert [each["field"] for each in refused.json()["validations"]] == [
                "content.1.file_id"
            ]


def test_the_worker_reads_files_of_the_chats_owner_and_organization_only(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with mara.client as client:
        file_id = uploaded(client, home, GIF).rpartition("/")[2]
    read = deployment.services.files.read
    assert read(mara.id, home, file_id) == ("image/gif", GIF)
    assert read(mara.id, home, file_id.upper()) == ("image/gif", GIF)
    assert read(NOWHERE, home, file_id) is None
    assert read(mara.id, NOWHERE, file_id) is None
    assert read(mara.id, home, NOWHERE) is None
    assert read(mara.id, home, "x") is None


def test_deleting_leaves_nothing(mara: Person, home: str) -> None:
    with mara.client as client:
        path = uploaded(client, home, large(1_000_000))
        assert client.delete(path).status_code == 204
        for method in ("GET", "DELETE"):
            assert error_of(client.request(method, path)) == (404, "chat_file_not_found")
    assert table_items("chats") == []


def test_the_audit_log_tells_of_files_and_not_what_is_in_them(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with mara.client as client:
        path = uploaded(client, home)
        deployment.clock.advance(seconds=1)  # Events of one moment have no order.
        client.delete(path)
    with deployment.admin as admin:
        found = admin.get(f"/api/v2/audit?object_id={path.rpartition('/')[2]}").json()["events"]
    assert [(each["action"], each["object_type"]) for each in found] == [
        ("delete", "chat_file"),
        ("create", "chat_file"),
    ]
    assert all(each["organization_id"] == home for each in found)
    assert found[1]["diff"]["media_type"]["new"] == "image/png"


def test_what_cannot_be_recorded_is_not_done(mara: Person, home: str) -> None:
    with mara.client as client:
        path = uploaded(client, home)
        before = table_items("chats")
        aws.lose_table("audit")
        for refused in (upload(client, home), client.delete(path)):
            assert error_of(refused) == (503, "storage_unavailable")
        assert table_items("chats") == before


def test_the_tables_hold_no_image(mara: Person, home: str) -> None:
    image = PNG + b"what is to be seen in the image" * 20_000
    with mara.client as client:
        uploaded(client, home, image)
    stored = [each["chunk"]["B"] for each in stored_chunks()]
    assert len(stored) == 2
    dump = b"".join(stored) + json.dumps(table_items("chats"), default=repr).encode()
    assert b"to be seen" not in dump
    assert b"IHDR" not in dump
    assert b"image/png" in dump  # What is no secret is there, so the dump is a real one.


def swap_chunks(first: dict[str, Any], second: dict[str, Any]) -> None:
    for target, source in ((first, second), (second, first)):
        item = {**target, "chunk": source["chunk"]}
        aws.client("dynamodb").put_item(TableName=TABLE, Item=item)


def test_chunks_open_only_where_they_belong(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with mara.client as client:
        path = uploaded(client, home, large(700_000))
        file_id = path.rpartition("/")[2]
        first, second = stored_chunks()
        swap_chunks(first, second)
        assert client.get(path, headers={"Accept": CHROME}).status_code == 500
        with pytest.raises(SealedValueError):
            deployment.services.files.read(mara.id, home, file_id)
        swap_chunks(first, second)
        for chunk in (first, second):
            aws.client("dynamodb").put_item(TableName=TABLE, Item=chunk)
        assert client.get(path, headers={"Accept": CHROME}).content == large(700_000)


@pytest.mark.parametrize("change", [{"chunks": {"N": "1"}}, {"media_type": {"S": "text/html"}}])
def test_a_file_does_not_open_as_another_than_it_is(
    mara: Person, home: str, change: dict[str, dict[str, str]]
) -> None:
    with mara.client as client:
        path = uploaded(client, home, large(700_000))
        (meta,) = [each for each in table_items("chats") if each["SK"]["S"] == "meta"]
        aws.client("dynamodb").put_item(TableName=TABLE, Item={**meta, **change})
        answer = client.get(path, headers={"Accept": CHROME})
    assert error_of(answer) == (500, "sealed_value_unreadable")


def test_the_same_upload_under_a_key_happens_once(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with deployment.admin as admin, mara.client as client:
        other = admin.post(ORGANIZATIONS, json={"name": "other"}).json()["id"]
        join(deployment, other, mara)
        first, again = (upload(client, home, key="k") for _ in range(2))
        assert again.json() == first.json()
        assert len(stored_chunks()) == 1
        elsewhere = upload(client, other, key="k")
        assert elsewhere.status_code == 201
        assert elsewhere.json() != first.json()


def test_an_upload_that_stops_half_way_is_invisible_and_removed_after_an_hour(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with mara.client as client:
        kept = uploaded(client, home)
        before = table_items("chats")
        calls = deployment.aws_calls
        client.get(kept)
        calls.refuse_after = 6  # The token, the membership, what is begun, three chunks of four.
        assert error_of(upload(client, home, large(1_500_000))) == (503, "storage_unavailable")
        calls.refuse_after = None
        assert len(stored_chunks()) == 4
        clear(deployment)
        assert len(stored_chunks()) == 4
        deployment.clock.advance(hours=2)
        clear(deployment)
        assert table_items("chats") == before
        assert client.get(kept, headers={"Accept": CHROME}).content == PNG


def clear(deployment: Deployment) -> None:
    with deployment.roles.acting("reaper"):
        events.remove_leftovers(deployment.services)


def test_an_upload_that_was_cleared_away_meanwhile_cannot_be_completed(
    deployment: Deployment, mara: Person, home: str
) -> None:
    def clear_as_if_late() -> None:
        deployment.services.files._repository.remove_loose(
            deployment.clock() + timedelta(seconds=1)
        )

    with mara.client as client:
        uploaded(client, home)  # Makes the organisation's data key.
        before = table_items("chats")
        deployment.aws_calls.meanwhile = clear_as_if_late
        assert error_of(upload(client, home)) == (409, "upload_abandoned")
        assert table_items("chats") == before


def test_a_deletion_that_stops_half_way_is_finished_after_an_hour(
    deployment: Deployment, mara: Person, home: str
) -> None:
    with mara.client as client:
        path = uploaded(client, home, large(1_500_000))
        client.get("/api/v2/users/me")
        deployment.aws_calls.refuse_after = 5  # The token, the file, the deletion, two steps on.
        assert client.delete(path).status_code == 204
        deployment.aws_calls.refuse_after = None
        assert len(stored_chunks()) == 3
        assert error_of(client.get(path)) == (404, "chat_file_not_found")
    deployment.clock.advance(hours=2)
    clear(deployment)
    assert table_items("chats") == []


def test_a_reaper_that_cannot_clear_up_says_so(deployment: Deployment) -> None:
    aws.lose_table("chats")
    clear(deployment)
    assert "Removing leftover files failed." in deployment.log_lines[-1]


def test_whoever_leaves_the_organization_meanwhile_uploads_nothing(
    deployment: Deployment, mara: Person, home: str
) -> None:
    def leave() -> None:
        with deployment.admin as admin:
            admin.delete(f"{ORGANIZATIONS}/{home}/members/{mara.id}").raise_for_status()

    with mara.client as client:
        client.delete(uploaded(client, home))  # Makes the organisation's data key.
        deployment.aws_calls.meanwhile = leave
        assert error_of(upload(client, home)) == (403, "not_a_member")
    assert table_items("chats") == []


def test_a_persons_files_go_with_them(deployment: Deployment, mara: Person, home: str) -> None:
    with mara.client as client, deployment.admin as admin:
        for _ in range(42):
            uploaded(client, home)
        uploaded(admin, home)
        answers = [admin.delete(mara.path).status_code for _ in range(2)]
    assert answers == [202, 204]
    assert len(stored_chunks()) == 1


def test_an_organizations_files_go_with_it(deployment: Deployment, mara: Person, home: str) -> None:
    with deployment.admin as admin, mara.client as client:
        other = admin.post(ORGANIZATIONS, json={"name": "other"}).json()["id"]
        join(deployment, other, mara)
        gone, kept = uploaded(client, other), uploaded(client, home)
        assert admin.delete(f"{ORGANIZATIONS}/{other}").status_code == 204
        assert error_of(client.get(gone)) == (404, "chat_file_not_found")
        assert client.get(kept, headers={"Accept": CHROME}).content == PNG
    assert len(stored_chunks()) == 1


def test_the_sdk_uploads_shows_and_deletes(deployment: Deployment, mara: Person, home: str) -> None:
    with sdk_client(deployment, mara.token) as client:
        methods = client.experimental
        file = methods.upload_chat_file(home, WEBP)
        assert methods.get_chat_file(file.id) == (WEBP, "image/webp")
        methods.delete_chat_file(file.id)
        with pytest.raises(NotFoundError):
            methods.get_chat_file(file.id)
        with pytest.raises(InvalidRequestError):
            methods.upload_chat_file(home, WEBP, "image/png")


def test_the_model_is_shown_the_image_as_long_as_it_is_there(world: World) -> None:
    home = default_organization(world.deployment)
    with talking(world) as talk, talk.client as client:
        path = uploaded(client, home, JPEG)
        shown = {"type": "file", "file_id": path.rpartition("/")[2]}
        chat_id, chat = talk.ask(content=[*text("What is this?"), shown])
        assert chat["status"] == "waiting", chat
        sent = f"data:image/jpeg;base64,{b64encode(JPEG).decode()}"
        assert sent in json.dumps(talk.model.requests[-1])
        client.delete(path).raise_for_status()
        assert talk.say(chat_id, "And now?").status_code == 200
        assert talk.run(chat_id)["status"] == "waiting"
        asked = json.dumps(talk.model.requests[-1])
        assert sent not in asked
        assert "[an image that is missing]" in asked
