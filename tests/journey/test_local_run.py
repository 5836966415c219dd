"""The product as a newcomer runs it, in real processes."""

import re
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.local_stack import ADMIN_TOKEN, LocalRun, main_job

SERVERS = "/api/experimental/mcp/servers"


def create(client: httpx.Client, slug: str) -> None:
    body = {
        "display_name": slug,
        "slug": slug,
        "url": "https://mcp.example/mcp",
        "transport": "streamable_http",
        "auth_type": "api_key",
        "api_key_header": "X-Key",
        "api_key_value": "secret",
        "availability": "default_off",
    }
    assert client.post(SERVERS, json=body).status_code == 201


def slugs(client: httpx.Client) -> list[str]:
    return [each["slug"] for each in client.get(SERVERS).json()]


def test_the_main_job_works_on_the_local_run_with_a_real_oauth2_server(tmp_path: Path) -> None:
    with LocalRun(tmp_path, "--demo") as run:
        demo = re.search(r'"url":"(http://127\.0\.0\.1:\d+/mcp)"', run.output)
        assert demo, run.output
        main_job(run.url, ADMIN_TOKEN, demo.group(1))
        assert run.stop() == 0
    assert "code=" not in run.output
    assert "state=" not in run.output


def test_it_prints_where_it_is_the_token_and_the_main_job(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run:
        assert f"Ciborium    {run.url}" in run.output
        assert f"Admin       {ADMIN_TOKEN}" in run.output
        assert run.output.count("curl -s $CIBORIUM") == 4
        assert f"{SERVERS}/$SERVER/oauth2/connect" in run.output


def test_a_second_start_keeps_everything_and_takes_less_than_five_seconds(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run, run.client() as admin:
        create(admin, "kept")
        assert run.stop(signal.SIGINT) == 0
    with LocalRun(tmp_path) as run, run.client() as admin:
        assert slugs(admin) == ["kept"]
        create(admin, "another")  # The KMS key and the data key are the same.
    assert run.seconds_to_ready < 5


def test_a_killed_run_is_followed_by_one_that_recovers(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run, run.client() as admin:
        create(admin, "before")
        assert run.stop(signal.SIGKILL) == -signal.SIGKILL
    with LocalRun(tmp_path) as run, run.client() as admin:
        assert slugs(admin) == ["before"]
        create(admin, "after")
        assert run.stop() == 0


def test_a_token_is_made_once_when_none_is_chosen(tmp_path: Path) -> None:
    with LocalRun(tmp_path, CIBORIUM_ADMIN_TOKEN="") as run:
        first = re.search(r"Admin +(\S+)", run.output)
    with LocalRun(tmp_path, CIBORIUM_ADMIN_TOKEN="") as run:
        second = re.search(r"Admin +(\S+)", run.output)
    assert first
    assert second
    assert first.group(1) == second.group(1)
    assert (tmp_path / "admin-token").stat().st_mode & 0o777 == 0o600


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = LocalRun(tmp_path, CIBORIUM_PORT=str(port)).run_to_its_end()
    assert code == 1
    assert output == (
        f"Cannot start: port {port} is in use. "
        "Stop what uses it, or choose another with CIBORIUM_PORT.\n"
    )


@pytest.mark.parametrize(
    ("setting", "value", "line"),
    [
        ("CIBORIUM_PORT", "http", "Cannot start: CIBORIUM_PORT must be a port number"),
        ("CIBORIUM_PORT", "\u00b2", "Cannot start: CIBORIUM_PORT must be a port number"),
        ("CIBORIUM_ADMIN_TOKEN", "short", "Cannot start: A token chosen by hand must have"),
        ("CIBORIUM_PUBLIC_URL", "nowhere", "Cannot start: CIBORIUM_PUBLIC_URL must be"),
        ("CIBORIUM_STATE_DIR", "/proc/none", "Cannot start: the state folder /proc/none"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(
    tmp_path: Path, setting: str, value: str, line: str
) -> None:
    environment = {"CIBORIUM_STATE_DIR": str(tmp_path), setting: value}
    code, output = LocalRun(tmp_path, **environment).run_to_its_end()
    assert code == 1
    assert output.splitlines()[-1].startswith(line)
    assert "Traceback" not in output


def test_two_runs_do_not_share_a_state_folder(tmp_path: Path) -> None:
    with LocalRun(tmp_path):
        code, output = LocalRun(tmp_path).run_to_its_end()
    assert code == 1
    assert "another run uses the state folder" in output


def test_what_the_gateway_would_refuse_is_refused_in_our_words(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run, run.client() as admin:
        unknown = admin.get("/api/v2/nothing")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        assert ADMIN_TOKEN not in unknown.text
        wrong_method = admin.put("/healthz")
        assert (wrong_method.status_code, wrong_method.json()["code"]) == (
            405,
            "method_not_allowed",
        )
        wrong_type = admin.post(SERVERS, content="x", headers={"Content-Type": "text/plain"})
        assert (wrong_type.status_code, wrong_type.json()["code"]) == (
            415,
            "unsupported_media_type",
        )
        chunked = admin.post(SERVERS, content=iter([b"{}"]))
        assert (chunked.status_code, chunked.json()["code"]) == (411, "length_required")
        head = admin.head("/healthz")
        assert head.status_code in {404, 405}
        assert admin.get("/readyz").json() == {"status": "ok"}


def test_chats_get_the_model_that_the_environment_names(tmp_path: Path) -> None:
    named = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "sentinel-key"}
    with LocalRun(tmp_path, **named) as run, run.client() as admin:
        assert f"Chats can use gpt-4.1-mini at {named['OPENAI_BASE_URL']}." in run.output
        (model,) = admin.get("/api/experimental/chats/models").json()
        assert (model["display_name"], model["is_default"]) == ("gpt-4.1-mini", True)
        assert run.stop() == 0
    assert "sentinel-key" not in run.output
    with LocalRun(tmp_path, OPENAI_BASE_URL="http://10.0.0.1/v1") as run, run.client() as admin:
        assert "No model was set up from OPENAI_BASE_URL" in run.output
        assert [each["id"] for each in admin.get("/api/experimental/chats/models").json()] == [
            model["id"]
        ]
        assert run.stop() == 0
