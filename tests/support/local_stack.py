"""The product in real processes: the local run, the deployed stack, and a person who uses them."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from infra.local.aws import free_port

ROOT = Path(__file__).parents[2]
ADMIN_TOKEN = "admin-token-for-tests-0123456789abcdef"
_READY_SECONDS = 60
_STOP_SECONDS = 30


class LocalRun:
    """`make run`'s own program, as a process; stopped by a signal, like a user would."""

    program = "infra.local.run"

    def __init__(self, state: Path, *arguments: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", self.program, *arguments]
        self._environment = _clean_environment() | {
            "CIBORIUM_PORT": str(self.port),
            "CIBORIUM_STATE_DIR": str(state),
            "CIBORIUM_ADMIN_TOKEN": ADMIN_TOKEN,
            "CIBORIUM_DEMO_PORT": "0",
            "CIBORIUM_MODEL_PORT": "0",
            **environment,
        }
        self.output = ""
        self.seconds_to_ready = 0.0
        self._process: subprocess.Popen[str] | None = None

    def configure(self, **environment: str) -> None:
        """Set more of its environment, before it starts."""
        self._environment |= environment

    def start(self) -> None:
        """Start it and wait until it has printed its guide."""
        started = time.monotonic()
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout
        for line in self._process.stdout:
            self.output += line
            if "Ctrl-C stops everything" in line:
                self.seconds_to_ready = time.monotonic() - started
                # Read on, or the product stops at its next log line once the pipe is full.
                self._reader = threading.Thread(target=self._read_on, daemon=True)
                self._reader.start()
                return
        raise AssertionError(f"it ended instead of getting ready:\n{self.output}")

    @property
    def pid(self) -> int:
        """Its process, which serves the API."""
        assert self._process
        return self._process.pid

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send it a signal, wait for its end, return its exit code."""
        self.send(how)
        return self.wait()

    def send(self, how: signal.Signals) -> None:
        """Send it a signal, and wait for nothing."""
        assert self._process
        self._process.send_signal(how)

    def wait(self) -> int:
        """Wait for its end, return its exit code."""
        assert self._process
        code = self._process.wait(timeout=_STOP_SECONDS)
        self._reader.join()
        return code

    def run_to_its_end(self) -> tuple[int, str]:
        """Run it when it is expected to refuse; its exit code and what it printed."""
        done = subprocess.run(
            self._command,
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=_READY_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def client(self) -> httpx.Client:
        """A client signed in as the admin."""
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})

    def _read_on(self) -> None:
        assert self._process
        assert self._process.stdout
        with self._process.stdout as stdout:
            for line in stdout:
                self.output += line

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.poll() is None:
            self.stop()


def demo_url(run: LocalRun) -> str:
    """The MCP server of a run with `--demo`."""
    found = re.search(r'"url":"(http://127\.0\.0\.1:\d+/mcp)"', run.output)
    assert found, run.output
    return found.group(1)


@contextmanager
def browser_of(url: str, token: str) -> Iterator[httpx.Client]:
    """A browser in which somebody has signed in through the form; it follows redirects."""
    with httpx.Client(
        follow_redirects=True, headers={"Accept": "text/html"}, timeout=30
    ) as browser:
        page = browser.get(f"{url}/login")
        action = re.search(r'action="([^"]+)"', page.text)
        assert action, page.text
        signed_in = browser.post(
            action.group(1), data={"token": token}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert signed_in.status_code == 200, signed_in.text
        yield browser


def main_job(url: str, admin_token: str, mcp_url: str) -> dict[str, str]:
    """The main job, end to end: an admin registers, a user connects, lists tools, starts a chat.

    Returns what the caller may want to look at further: the ids, and the user's token.
    """
    servers = f"{url}/api/experimental/mcp/servers"
    with httpx.Client(headers={"Authorization": f"Bearer {admin_token}"}, timeout=30) as admin:
        body = {
            "display_name": "Demo",
            "transport": "streamable_http",
            "url": mcp_url,
            "auth_type": "oauth2",
            "availability": "default_on",
            "tool_deny_list": ["add_numbers"],
            "enabled": True,
        }
        server_id = _created(admin.post(servers, json=body))["id"]
        person = {"username": "mara", "email": "mara@example.com"}
        user_id = _created(admin.post(f"{url}/api/v2/users", json=person))["id"]
        token = _created(admin.post(f"{url}/api/v2/users/{user_id}/keys/tokens", json={}))["key"]
        organization_id = admin.get(f"{url}/api/v2/organizations").json()[0]["id"]
        members = f"{url}/api/v2/organizations/{organization_id}/members"
        _created(admin.post(f"{members}/{user_id}", json={}))
        refused = admin.get(f"{servers}/{server_id}/tools")
        assert (refused.status_code, refused.json()["code"]) == (409, "connect_required")
    with browser_of(url, token) as browser:
        page = browser.get(f"{servers}/{server_id}/oauth2/connect")
        assert page.status_code == 200, page.text
        assert "You may close this window" in page.text
        assert str(page.url).startswith(f"{servers}/{server_id}/oauth2/callback")
        assert not [each for each in browser.cookies.jar if each.name.startswith("mcp_oauth2")]
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=30) as mara:
        tools = mara.get(f"{servers}/{server_id}/tools").raise_for_status().json()["tools"]
        assert {tool["name"]: tool["allowed"] for tool in tools} == {
            "add_numbers": False,
            "list_notes": True,
            "read_note": True,
        }
        assert mara.get(f"{servers}/{server_id}").json()["auth_connected"]
        chat = _created(
            mara.post(
                f"{url}/api/experimental/chats",
                json={
                    "organization_id": organization_id,
                    "content": [{"type": "text", "text": "What is in my notes?"}],
                },
            )
        )
        assert chat["mcp_server_ids"] == [server_id]
        assert chat["status"] == "pending"
    return {"server_id": server_id, "user_id": user_id, "token": token, "chat_id": chat["id"]}


def _created(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 201, response.text
    created: dict[str, Any] = json.loads(response.text)
    return created


def _clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CIBORIUM_", "OPENAI_", "AWS_ACCESS", "AWS_SECRET", "AWS_DEFAULT"))
    }
