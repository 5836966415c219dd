"""Five minutes of load on the local run: `make load`, or `make load MINUTES=1`.

Eight people work at once, each through a client of their own, without pausing: they look at
servers, list and call tools through OAuth2, talk to a scripted model and read on, connect and
disconnect. Nothing may fail, and the memory of the API's process and of the worker must stay flat.
"""

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.bench.report import Cell, Chart, Section, Table, Target
from tests.support.local_stack import ADMIN_TOKEN, LocalRun, browser_of, demo_url
from tests.support.local_worker import pid_of_worker

CLIENTS = 8
MINUTES = 5.0
WARM_UP_MINUTES = 2.0  # In a shorter run, the second fifth is not warm yet.
MOST_GROWTH = 1.1  # Of the memory in the last fifth, over that in the second.
SERVERS = "/api/experimental/mcp/servers"
CHATS = "/api/experimental/chats"
USERS, ORGANIZATIONS = "/api/v2/users", "/api/v2/organizations"
_MESSAGES_OF_A_CHAT = 8
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0
_PAGE = {"limit": 20}


@dataclass
class Figures:
    """What all clients measure.

    Attributes:
        seconds: how long each operation took, by its name.
        errors: what went wrong.
        memory: the process's name → (seconds since the start, MiB).
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    memory: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Time an operation; whatever it raises is an error of it."""
        started = time.monotonic()
        try:
            yield
        except Exception as exc:  # noqa: BLE001 -- counted, whatever it is
            self.errors.append(f"{operation}: {type(exc).__name__} {exc}")
        else:
            self.seconds[operation].append(time.monotonic() - started)

    def growth_of(self, process: str) -> float:
        """How much larger a process is in the last fifth than in the second, as a ratio."""
        sizes = [size for _, size in self.memory[process]]
        fifth = max(1, len(sizes) // 5)
        return statistics.mean(sizes[-fifth:]) / statistics.mean(sizes[fifth : 2 * fifth])


class Visitor:
    """One of the people: a member, connected to the server."""

    def __init__(self, url: str, token: str, server_id: str, organization_id: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._url, self._token = url, token
        self._api = httpx.Client(base_url=url, headers=headers, timeout=30)
        self._server = f"{SERVERS}/{server_id}"
        self._organization_id = organization_id
        self._chat = ""
        self._said = 0

    def work(self, figures: Figures, until: float, seed: int) -> None:
        """Do one thing after the other, until the time is over."""
        mix: dict[str, tuple[int, Callable[[], object]]] = {
            "list servers": (20, lambda: self._get(SERVERS)),
            "get a server": (20, lambda: self._get(self._server)),
            "list its tools": (12, lambda: self._get(f"{self._server}/tools")),
            "call a tool": (12, self._call),
            "page messages": (15, self._page),
            "an answer in a chat": (12, self._talk),
            "disconnect and connect": (3, self._reconnect),
        }
        names, dice = list(mix), random.Random(seed)
        weights = [weight for weight, _ in mix.values()]
        with self._api, browser_of(self._url, self._token) as self._browser:
            with figures.timed("start a chat"):
                self._start()
            while time.monotonic() < until and not figures.errors:
                [name] = dice.choices(names, weights)
                with figures.timed(name):
                    mix[name][1]()
                if self._said >= _MESSAGES_OF_A_CHAT:
                    with figures.timed("delete a chat"):
                        self._api.delete(self._chat).raise_for_status()
                    with figures.timed("start a chat"):
                        self._start()

    def _get(self, path: str) -> httpx.Response:
        return self._api.get(path).raise_for_status()

    def _call(self) -> None:
        answer = self._api.post(f"{self._server}/tools/call", json={"name": "list_notes"})
        reply = answer.raise_for_status().json()
        assert reply["result_type"] == "complete", answer.text
        assert not reply.get("is_error"), answer.text

    def _page(self) -> None:
        self._api.get(f"{self._chat}/messages", params=_PAGE).raise_for_status()

    def _start(self) -> None:
        body = {"organization_id": self._organization_id, "content": _text("Hello")}
        chat = self._api.post(CHATS, json=body).raise_for_status().json()
        self._chat, self._said = f"{CHATS}/{chat['id']}", 0
        self._wait()

    def _talk(self) -> None:
        self._said += 1
        body = {"content": _text("use list_notes" if self._said % 2 else "Hello")}
        self._api.post(f"{self._chat}/messages", json=body).raise_for_status()
        self._wait()

    def _wait(self) -> None:
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up:
            status = self._get(self._chat).json()["status"]
            if status == "waiting":
                return
            assert status in {"pending", "running"}, status
            time.sleep(_POLL_SECONDS)
        raise AssertionError("no answer")

    def _reconnect(self) -> None:
        self._api.delete(f"{self._server}/oauth2/disconnect").raise_for_status()
        self.connect(self._browser)

    def connect(self, browser: httpx.Client) -> None:
        """Connect to the server in a browser."""
        page = browser.get(f"{self._url}{self._server}/oauth2/connect").raise_for_status()
        assert "You may close this window" in page.text, page.text


def _text(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def _invite(admin: httpx.Client, url: str, mcp_url: str) -> list[Visitor]:
    """The server, and as many members as there are clients, each connected to it."""
    body = {
        "display_name": "Notes",
        "slug": "notes",
        "transport": "streamable_http",
        "url": mcp_url,
        "auth_type": "oauth2",
        "availability": "default_on",
        "enabled": True,
    }
    server_id = admin.post(SERVERS, json=body).raise_for_status().json()["id"]
    organization_id = admin.get(ORGANIZATIONS).raise_for_status().json()[0]["id"]
    visitors = []
    for number in range(CLIENTS):
        person = {"username": f"visitor{number}", "email": f"visitor{number}@example.com"}
        user_id = admin.post(USERS, json=person).raise_for_status().json()["id"]
        key = admin.post(f"{USERS}/{user_id}/keys/tokens", json={}).raise_for_status().json()["key"]
        path = f"{ORGANIZATIONS}/{organization_id}/members/{user_id}"
        admin.post(path, json={}).raise_for_status()
        visitor = Visitor(url, key, server_id, organization_id)
        with browser_of(url, key) as browser:
            visitor.connect(browser)
        visitors.append(visitor)
    return visitors


def _memory_of(pid: int) -> float:
    """The resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"the process {pid} has no memory")


def load(minutes: float) -> Figures:
    """Put the local run under load; what was measured."""
    figures = Figures()
    with tempfile.TemporaryDirectory() as folder, LocalRun(Path(folder), "--demo") as run:
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        with httpx.Client(base_url=run.url, headers=headers, timeout=30) as admin:
            visitors = _invite(admin, run.url, demo_url(run))
        processes = {"API": run.pid, "worker": pid_of_worker(Path(folder))}
        started = time.monotonic()
        until = started + minutes * 60
        threads = [
            threading.Thread(target=visitor.work, args=(figures, until, seed))
            for seed, visitor in enumerate(visitors)
        ]
        for thread in threads:
            thread.start()
        while time.monotonic() < until and any(thread.is_alive() for thread in threads):
            for name, pid in processes.items():
                figures.memory[name].append((time.monotonic() - started, _memory_of(pid)))
            time.sleep(0.5)
        for thread in threads:
            thread.join()
        code = run.stop()
        if code:
            figures.errors.append(f"the local run ended with {code}")
        lines = [line for line in run.output.splitlines() if '"level": "ERROR"' in line]
        figures.errors += lines
    return figures


def _minutes() -> float:
    return float(os.environ.get("MINUTES") or MINUTES)


def describe(figures: Figures, minutes: float) -> Section:
    """What was measured, as a section of the report."""
    rows: list[list[Cell]] = []
    for name, seconds in sorted(figures.seconds.items()):
        cuts = statistics.quantiles(seconds, n=100, method="inclusive") if seconds[1:] else seconds
        p50, p95, p99 = (cuts[min(each, len(cuts)) - 1] * 1000 for each in (50, 95, 99))
        rows.append([name, len(seconds), p50, p95, p99])
    sizes: list[list[Cell]] = [
        [name, found[0][1], max(size for _, size in found), found[-1][1], figures.growth_of(name)]
        for name, found in figures.memory.items()
    ]
    return Section(
        name="load",
        title="Under load",
        text=(
            f"{CLIENTS} people at once, without pauses, for {minutes:g} minutes on the local run "
            "(one process for the API, one for the worker, one for the local AWS, all on this "
            "machine): servers, tools through OAuth2, tool calls, chats with a scripted model, "
            f"connecting. {sum(map(len, figures.seconds.values()))} operations, "
            f"{len(figures.errors)} errors. The model speaks slowly on purpose, and an answer is "
            f"asked for every {_POLL_SECONDS * 1000:g} ms."
        ),
        tables=[
            Table(
                "Operations",
                ["operation", "number", "p50 (ms)", "p95 (ms)", "p99 (ms)"],
                rows,
            ),
            Table(
                "Resident memory",
                ["process", "first (MiB)", "most (MiB)", "last (MiB)", "last fifth ÷ second"],
                sizes,
            ),
        ],
        chart=Chart("Resident memory", "MiB", dict(figures.memory)),
        targets=[
            Target("errors under load", 0, len(figures.errors)),
            *(
                Target(f"growth of the {name}'s memory", MOST_GROWTH, figures.growth_of(name))
                for name in figures.memory
                if minutes >= WARM_UP_MINUTES
            ),
        ],
    )


def measure() -> Section:
    """The section of the report; for so many minutes as `MINUTES` says."""
    minutes = _minutes()
    return describe(load(minutes), minutes)


def main() -> None:
    """Print the figures; fail if something did, or if a process grows."""
    minutes = _minutes()
    figures = load(minutes)
    section = describe(figures, minutes)
    print(section.text)
    for table in section.tables:
        print(f"\n{table.caption}")
        heading: list[Cell] = [*table.columns]
        for row in [heading, *table.rows]:
            cells = [f"{each:.2f}" if isinstance(each, float) else str(each) for each in row]
            print("  ".join([cells[0].ljust(24), *(each.rjust(18) for each in cells[1:])]))
    print()
    for error in figures.errors[:20]:
        print(f"ERROR {error[:300]}")
    failed = [target for target in section.targets if not target.met]
    for target in failed:
        print(f"FAILED {target.what}: {target.measured:.2f}, at most {target.limit:g}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
