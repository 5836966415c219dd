"""The peer gateway, ContextForge (`mcp-contextforge-gateway`), as a process on loopback.

It is configured as its documentation says, with its own SQLite file and authentication on. What
differs from its defaults: it may reach servers on loopback, and does not limit the rate of
requests, which would end a benchmark after a hundred.
"""

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from infra.local.aws import free_port
from infra.local.environments import python_of
from tests.bench.timing import Side
from tests.support.processes import stop

NAME = "ContextForge"
_ADMIN = "admin@example.com"
_START_SECONDS = 90
_STOP_SECONDS = 20
_TOKEN_MINUTES = "600"


@contextmanager
def running_gateway(folder: Path) -> Iterator[Side]:
    """Run it with its state in a folder, and its admin's token to use it with.

    Raises:
        FileNotFoundError: its environment is missing.
        RuntimeError: it did not start; what it printed.
    """
    python = python_of("gateway")
    if not python.exists():
        raise FileNotFoundError(f"{python} is missing: run `make setup-gateway`.")
    environment = _environment(folder)
    token = _make_token(python, folder, environment)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(python.with_name("mcpgateway")), "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "gateway.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--no-access-log", "--timeout-keep-alive", "60"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        _await(process, url, log)
        yield Side(NAME, url, {"Authorization": f"Bearer {token}"})
    finally:
        stop(process, _STOP_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    """Nothing of ours: its settings have common names, and it would read a `.env` nearby."""
    password = secrets.token_urlsafe(24) + "aA1!"
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DATABASE_URL": f"sqlite:///{folder / 'mcp.db'}",
        "JWT_SECRET_KEY": secrets.token_urlsafe(48),
        "AUTH_ENCRYPTION_SECRET": secrets.token_urlsafe(48),
        "PLATFORM_ADMIN_EMAIL": _ADMIN,
        "PLATFORM_ADMIN_PASSWORD": password,
        "DEFAULT_USER_PASSWORD": password,
        "SSRF_ALLOW_LOCALHOST": "true",
        "RATE_LIMITING_ENABLED": "false",
    }


def _make_token(python: Path, folder: Path, environment: dict[str, str]) -> str:
    command = [str(python), "-m", "mcpgateway.utils.create_jwt_token", "--username", _ADMIN]
    done = subprocess.run(
        [*command, "--exp", _TOKEN_MINUTES, "--secret", environment["JWT_SECRET_KEY"]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()[-1]


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    text = log.read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(f"the gateway did not start:\n{text[-4000:]}")
