"""The product as a newcomer runs it, in real processes."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chalicelib.sdk import Client
from chalicelib.sdk.chats import ToolResult
from tests.support.local_stack import ADMIN_TOKEN, ROOT, LocalRun, browser_of, demo_url, main_job
from tests.support.local_worker import is_running, pid_of_worker, until

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


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    """A run of the demo; when the tests are done with it, it ends well and has logged no secret."""
    with LocalRun(tmp_path_factory.mktemp("demo"), "--demo") as run:
        yield run
        assert run.stop() == 0
    assert "code=" not in run.output
    assert "state=" not in run.output


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state folder of `plain`."""
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(state: Path) -> Iterator[LocalRun]:
    """A run without anything that the tests would have set up."""
    with LocalRun(state) as run:
        yield run


def test_the_main_job_works_on_the_local_run_with_a_real_oauth2_server(demo: LocalRun) -> None:
    made = main_job(demo.url, ADMIN_TOKEN, demo_url(demo))
    with demo.client() as admin:  # The guide is about a server by the same name.
        assert admin.delete(f"{SERVERS}/{made['server_id']}").status_code == 204


def paste(guide: str, *steps: int, **variables: str) -> list[str]:
    """Paste lines of the guide into a shell, the exports first; what they print, line by line.

    The last line has what `SERVER` and `CHAT` are then.
    """
    lines = [line for line in guide.splitlines() if line.startswith("    ")]
    known = [f"{name}={value}" for name, value in variables.items()]
    pasted = [lines[0], *known, *(f"{lines[step]}; echo" for step in steps)]
    done = subprocess.run(
        ["bash", "-c", "\n".join([*pasted, "echo $SERVER $CHAT"])],
        cwd=ROOT,
        input='use add_numbers {"a": 1, "b": 2}\n',  # For the chat, which reads questions.
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_guide_of_the_demo_leads_to_answers_that_used_a_tool_without_an_account(
    demo: LocalRun,
) -> None:
    """Its lines are pasted as they are."""
    with Client(demo.url, ADMIN_TOKEN) as admin:
        assert "Model       Scripted demo model" in demo.output
        server = paste(demo.output, 1)[-1]
        connect = paste(demo.output, 2, SERVER=server)[0].replace("/login?next=", "")
        with browser_of(demo.url, ADMIN_TOKEN) as browser:
            assert "You may close this window" in browser.get(connect).text
        assert "Connect a second server." in paste(demo.output, 3, 4, SERVER=server)[1]
        chat = paste(demo.output, 5, SERVER=server)[-1].split()[-1]
        session = admin.experimental.chat(chat)
        followed = [event.message for event in session.stream() if event.message]
        printed = json.loads(paste(demo.output, 6, CHAT=chat)[0])["messages"]
        assert [each["id"] for each in printed] == [each.id for each in followed] == [1, 2, 3, 4]
        results = [part for part in followed[2].content if isinstance(part, ToolResult)]
        assert [each.tool_name for each in results] == ["demo__read_note"]
        assert "Connect a second server." in printed[-1]["content"][0]["text"]
        assert "demo__add_numbers answered: 3.0" in paste(demo.output, 7, SERVER=server)


def test_it_prints_where_it_is_the_token_and_the_main_job(plain: LocalRun) -> None:
    assert f"Ciborium    {plain.url}" in plain.output
    assert f"Admin       {ADMIN_TOKEN}" in plain.output
    assert len(re.findall(r'curl -s "?\$CIBORIUM', plain.output)) == 5
    assert "Model       none" in plain.output
    assert f"{SERVERS}/$SERVER/oauth2/connect" in plain.output


def test_a_second_start_keeps_everything_and_takes_less_than_five_seconds(tmp_path: Path) -> None:
    with LocalRun(tmp_path) as run, run.client() as admin:
        create(admin, "kept")
        assert run.stop(signal.SIGINT) == 0
    with LocalRun(tmp_path) as run, run.client() as admin:
        assert slugs(admin) == ["kept"]
        create(admin, "another")  # The KMS key and the data key are the same.
    assert run.seconds_to_ready < 5


def test_a_killed_run_takes_its_worker_along_and_is_followed_by_one_that_recovers(
    tmp_path: Path,
) -> None:
    with LocalRun(tmp_path) as run, run.client() as admin:
        worker = pid_of_worker(tmp_path)
        create(admin, "before")
        assert run.stop(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not is_running(worker), "the worker's end")
    with LocalRun(tmp_path) as run, run.client() as admin:
        assert slugs(admin) == ["before"]
        create(admin, "after")
        assert run.stop() == 0


def test_a_token_is_made_once_when_none_is_chosen(tmp_path: Path) -> None:
    """The second run starts while the first one stops, and waits for that."""
    with LocalRun(tmp_path, CIBORIUM_ADMIN_TOKEN="") as run:
        first = re.search(r"Admin +(\S+)", run.output)
        run.send(signal.SIGTERM)
        until(lambda: "Stopping" in run.output, "the first one's end")
        with LocalRun(tmp_path, CIBORIUM_ADMIN_TOKEN="") as another:
            second = re.search(r"Admin +(\S+)", another.output)
        assert run.wait() == 0
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


def test_two_runs_do_not_share_a_state_folder(plain: LocalRun, state: Path) -> None:
    code, output = LocalRun(state).run_to_its_end()
    assert code == 1
    assert "another run uses the state folder" in output


def test_what_the_gateway_would_refuse_is_refused_in_our_words(plain: LocalRun) -> None:
    with plain.client() as admin:
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
