"""Small images that admins upload for servers."""

import struct
import zlib

import httpx
import pytest

from tests.support import aws
from tests.support.deployment import Deployment, error_of
from tests.support.servers import NOWHERE, SERVERS, create_server

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + struct.pack(">II", 1, 1) + bytes(9)
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + zlib.compress(b"jpeg")
GIF = b"GIF89a" + bytes(20)
WEBP = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + bytes(range(200, 230))
IMAGES = {"image/png": PNG, "image/jpeg": JPEG, "image/gif": GIF, "image/webp": WEBP}
CHROME = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"


def upload(
    client: httpx.Client, path: str, image: bytes, kind: str = "image/png", **headers: str
) -> httpx.Response:
    return client.put(f"{path}/icon", content=image, headers={"Content-Type": kind, **headers})


@pytest.mark.parametrize("kind", IMAGES)
def test_an_icon_is_shown_as_what_it_is_whatever_it_was_called(
    deployment: Deployment, kind: str
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin, enabled=True)['id']}"
        for called in (kind, "application/octet-stream", "image/gif"):
            assert upload(admin, path, IMAGES[kind], called).status_code == 204
            shown = mara.get(mara.get(path).json()["icon_url"], headers={"Accept": CHROME})
            assert (shown.status_code, shown.headers["content-type"]) == (200, kind)
            assert shown.content == IMAGES[kind]


def test_an_icon_can_do_nothing_but_be_shown(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        upload(admin, path, PNG)
        headers = admin.get(f"{path}/icon", headers={"Accept": "image/png"}).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "private, max-age=300"


def test_a_browser_that_has_the_icon_is_not_sent_it_again(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        upload(admin, path, PNG)
        known = {"If-None-Match": admin.get(f"{path}/icon").headers["etag"], "Accept": CHROME}
        answer = admin.get(f"{path}/icon", headers=known)
        assert (answer.status_code, answer.content) == (304, b"")
        upload(admin, path, GIF)
        assert admin.get(f"{path}/icon", headers=known).content == GIF


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<html><script>alert(1)</script></html>",
        b"\x00\x00\x01\x00 an icon file",
        b"%PDF-1.7",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x00\x00\x00\x00WAVEfmt ",
        b" " + PNG,
        b"{}",
    ],
)
def test_what_is_no_image_is_refused_whatever_it_is_called(
    deployment: Deployment, content: bytes
) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        refused = upload(admin, path, content)
        assert error_of(refused) == (400, "invalid_mcp_server_icon")
        assert error_of(admin.get(f"{path}/icon")) == (404, "mcp_server_icon_not_found")
        assert admin.get(path).headers["etag"] == '"1"'


def test_an_icon_is_small(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        largest = PNG + bytes(32 * 1024 - len(PNG))
        assert upload(admin, path, largest).status_code == 204
        refused = upload(admin, path, largest + b"\x00")
        assert error_of(refused) == (413, "mcp_server_icon_too_large")
        assert admin.get(f"{path}/icon").content == largest
        wrong = upload(admin, path, PNG, "image/svg+xml")
        assert error_of(wrong) == (415, "unsupported_media_type")


def test_uploading_and_removing_change_the_server(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin, icon_url='/icon/x.svg')['id']}"
        assert upload(admin, path, PNG).headers["etag"] == '"2"'
        assert admin.get(path).json()["icon_url"] == f"{path}/icon"
        stale = upload(admin, path, GIF, **{"If-Match": '"1"'})
        assert error_of(stale) == (409, "mcp_server_changed")
        assert admin.get(f"{path}/icon").content == PNG
        removed = admin.delete(f"{path}/icon", headers={"If-Match": '"2"'})
        assert (removed.status_code, removed.headers["etag"]) == (204, '"3"')
        assert admin.get(path).json()["icon_url"] == ""
        for method in ("GET", "DELETE"):
            gone = admin.request(method, f"{path}/icon")
            assert error_of(gone) == (404, "mcp_server_icon_not_found")


def test_removing_an_icon_leaves_another_path_alone(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        upload(admin, path, PNG)
        admin.patch(path, json={"icon_url": "/icon/x.svg"}).raise_for_status()
        assert admin.delete(f"{path}/icon").status_code == 204
        assert admin.get(path).json()["icon_url"] == "/icon/x.svg"


def test_only_admins_change_icons_and_only_who_sees_the_server_sees_its_icon(
    deployment: Deployment,
) -> None:
    with deployment.admin as admin, deployment.new_member() as mara:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        upload(admin, path, PNG)
        hidden = [mara.get(f"{path}/icon"), upload(mara, path, PNG), mara.delete(f"{path}/icon")]
        assert {error_of(each) for each in hidden} == {(404, "mcp_server_not_found")}
        admin.patch(path, json={"enabled": True}).raise_for_status()
        assert mara.get(f"{path}/icon").content == PNG
        for refused in (upload(mara, path, PNG), mara.delete(f"{path}/icon")):
            assert error_of(refused) == (403, "not_allowed")
        assert error_of(upload(admin, f"{SERVERS}/{NOWHERE}", PNG)) == (
            404,
            "mcp_server_not_found",
        )


def test_deleting_the_server_deletes_its_icon(deployment: Deployment) -> None:
    with deployment.admin as admin:
        path = f"{SERVERS}/{create_server(admin)['id']}"
        upload(admin, path, PNG)
        assert admin.delete(path).status_code == 204
    assert aws.client("dynamodb").scan(TableName=f"ciborium-{aws.STAGE}-servers")["Items"] == []
