"""Releases as processes of their own, on tables, a queue and a KMS key that they share."""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.local.environments import ROOT
from tests.support.local_worker import until
from tests.support.processes import stop

MARK = ROOT / "infra" / "previous-release"
"""Names the commit of the release before this one; CONTRIBUTING.md says when it moves."""

_PROGRAM = Path(__file__).parent / "peers" / "release.py"
_RUNS = ("app.py", "chalicelib", "infra")
_END_SECONDS = 15


def previous_release() -> str:
    """The commit of the release before this one."""
    return MARK.read_text(encoding="utf-8").strip()


def find_obstacle(commit: str) -> str | None:
    """Why this clone cannot be expected to have a commit, if it has not."""
    if _git("cat-file", "-e", f"{commit}^{{commit}}") is not None:
        return None
    if _git("rev-parse", "--is-shallow-repository") == "true":
        return f"this clone is shallow and lacks the release before, {commit}: fetch --unshallow"
    is_clone = _git("rev-parse", "--git-dir") is not None
    return None if is_clone else f"this is no clone, so the release before, {commit}, is not in it"


def unpack(commit: str, folder: Path) -> Path:
    """Put what runs of a commit into a folder; the folder."""
    packed = subprocess.run(
        ["git", "archive", commit, *_RUNS], cwd=ROOT, capture_output=True, check=True
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*arguments: str) -> str | None:
    """What git says; None if it refuses, or is not there."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@dataclass
class Release:
    """One release: its API, its worker, its operator's program.

    Attributes:
        name: what tests call it.
        code: where its code lies.
        logs: where its processes' output goes.
        environment: the settings, and the way to AWS.
        public_url: where browsers believe that they are.
    """

    name: str
    code: Path
    logs: Path
    environment: Mapping[str, str]
    public_url: str
    _api: subprocess.Popen[bytes] | None = None
    _urls: list[str] = field(default_factory=list)
    # One for all clients: each would take longer to make than most requests.
    _http: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)
    _started: int = 0

    def launch(self) -> None:
        """Start its API; `wait` waits until it listens."""
        self._api, self._log = self._run("api", _PROGRAM)

    def wait(self) -> None:
        """Wait until its API listens, and see that it runs this release's code."""
        told = until(lambda: self._first_line(self._log), f"the API of {self.name}")
        self._urls = told["urls"]
        assert Path(told["code"]).is_relative_to(self.code), told

    def end(self) -> None:
        """Stop its API."""
        if self._api:
            _close(self._api)
            self._api = None
        self._http.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have its worker take messages meanwhile; it finishes the steps that are under way."""
        process, log = self._run("worker", "-m", "infra.local.worker", "--parent", os.getpid())
        try:
            until(lambda: "worker ready" in log.read_text(), f"the worker of {self.name}")
            yield
        finally:
            _close(process)
        assert process.returncode == 0

    def client(self, token: str = "", jar: CookieJar | None = None, **headers: str) -> httpx.Client:
        """A client of its API, at the URL that all releases have; browsers bring their cookies."""
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return httpx.Client(
            transport=_Front(self._http, self._urls[0], urlsplit(self.public_url).path),
            base_url=self.public_url,
            headers=headers,
            cookies=jar,
            timeout=30,
        )

    def attend(self, event: dict[str, Any]) -> int:
        """Give the WebSocket API's function an event; the status that it answers."""
        return int(httpx.post(self._urls[1], json=event, timeout=30).json()["statusCode"])

    def operate(self, *arguments: str, typed: str = "") -> str:
        """Run its operator's program, which must end well; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "infra.operator", *arguments],
            cwd=self.code,
            env=self._environment(),
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def logged(self) -> list[dict[str, Any]]:
        """What all its processes have logged."""
        files = sorted(self.logs.glob(f"{self.name}-*.log"))
        lines = [line for each in files for line in each.read_text().splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _run(self, what: str, *arguments: object) -> tuple[subprocess.Popen[bytes], Path]:
        self._started += 1
        log = self.logs / f"{self.name}-{self._started}-{what}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                cwd=self.code,
                env=self._environment(),
                stdin=subprocess.PIPE,  # Its end tells the API that we are gone.
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return process, log

    def _environment(self) -> dict[str, str]:
        return {**self.environment, "PYTHONPATH": str(self.code), "PATH": os.environ["PATH"]}

    def _first_line(self, log: Path) -> Any:
        assert self._api
        assert self._api.poll() is None, log.read_text()
        line, end, _ = log.read_text().partition("\n")
        return json.loads(line) if end else None


@contextmanager
def running(*releases: Release) -> Iterator[None]:
    """Run releases' APIs side by side; in the end nothing of them runs."""
    try:
        for each in releases:
            each.launch()
        for each in releases:
            each.wait()
        yield
    finally:
        for each in releases:
            each.end()


def _close(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    process.stdin.close()
    stop(process, _END_SECONDS)


class _Front(httpx.BaseTransport):
    """Takes requests from the public URL to one release, as API Gateway would."""

    def __init__(self, http: httpx.HTTPTransport, url: str, base_path: str) -> None:
        self._http = http
        self._url = url
        self._base_path = base_path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode().removeprefix(self._base_path)
        target = f"{self._url}{path}"
        content = request.read()
        return self._http.handle_request(
            httpx.Request(request.method, target, headers=request.headers, content=content)
        )
