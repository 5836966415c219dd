"""What grows with the number of servers, members, chats and messages, and what does not."""

import itertools
import statistics
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx

from tests.bench.report import Cell, Chart, Section, Table
from tests.bench.world import Bench, Call, starting
from tests.support.chats import CHATS, text
from tests.support.people import ME, USERS, default_organization
from tests.support.servers import SERVERS, create_server
from tests.support.turns import Talk, talking
from tests.support.worker import say, work

SIZES = (10, 100, 1000)
TEXT = """The same requests with ten, a hundred and a thousand servers, members of the
organisation, chats of one user, and messages in one chat, the others staying few. Calls, read
units and bytes are exact. The time is the median in a warm process without AWS's own time, as
multiple of an empty route's in the same seconds, divided by that at the smallest size. A line that
grows says why."""
_AT_ONCE = 20  # Messages in one transaction.


class Place:
    """A deployment that is being filled."""

    def __init__(self, bench: Bench, talk: Talk, runs: int) -> None:
        self.bench, self.talk, self.runs = bench, talk, runs
        self.client = bench.deployment.admin
        self.organization_id = default_organization(bench.deployment)
        self.organization = f"/api/v2/organizations/{self.organization_id}"
        self.me = str(self.client.get(ME).json()["id"])
        self.server_id = bench.world.connected()
        self.server = f"{SERVERS}/{self.server_id}"
        self.chat_id, _ = talk.ask("Hello")
        self.chat = f"{CHATS}/{self.chat_id}"
        group = self.create(f"{self.organization}/groups", {"name": "team"})["id"]
        self.group_members = f"{self.organization}/groups/{group}/members"
        self.client.put(f"{self.group_members}/{self.me}").raise_for_status()
        self.names = (f"n{number}" for number in itertools.count())

    def create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create something through the API."""
        created: dict[str, Any] = self.client.post(path, json=body).raise_for_status().json()
        return created

    def new_server(self) -> httpx.Response:
        """A server for everybody, without authentication."""
        name = next(self.names)
        created = create_server(self.client, slug=name, display_name=name, enabled=True)
        return httpx.Response(201, json=created)

    def new_user(self) -> str:
        """The id of a user who belongs nowhere yet."""
        name = next(self.names)
        return str(self.create(USERS, {"username": name, "email": f"{name}@example.com"})["id"])

    def new_member(self) -> None:
        """A member of the organisation."""
        self.create(f"{self.organization}/members/{self.new_user()}", {})

    def new_chat(self) -> httpx.Response:
        """A chat of the admin's."""
        body = {
            "organization_id": self.organization_id,
            "content": text("Which tickets are open?"),
            "mcp_server_ids": [self.server_id],
        }
        return self.client.post(CHATS, json=body)

    def new_messages(self) -> None:
        """Messages in the one chat, all in one transaction."""
        said = [
            say(f"There are {number} open tickets, and more." * 3) for number in range(_AT_ONCE)
        ]
        work(self.bench.deployment, self.me, self.chat_id, *said)

    def look(self, method: str, path: str, body: Any = None) -> Call:
        """Look at a request of the admin's; one like it has been made before, if it reads."""
        if method == "GET":
            self.client.get(path).raise_for_status()
        return self.bench.look_at(lambda: self.client.request(method, path, json=body), self.runs)


@dataclass(frozen=True)
class Look:
    """One request, and why it grows if it does."""

    at: Callable[[Place], Call]
    why: str = ""


@dataclass(frozen=True)
class Axis:
    """What there is more and more of, and the requests that might mind."""

    add: Callable[[Place], object]
    looks: dict[str, Look]
    at_once: int = 1


ALL_SERVERS = "the answer has every server; DynamoDB gives one MB with each call"
ANY_SERVER = "reads every server, since each could be forced upon all chats; so does a worker"
AXES = {
    "servers": Axis(
        Place.new_server,
        {
            "list servers": Look(lambda p: p.look("GET", SERVERS), ALL_SERVERS),
            "get a server": Look(lambda p: p.look("GET", p.server)),
            "create a server": Look(lambda p: p.bench.look_at(p.new_server, p.runs)),
            "change a server": Look(
                lambda p: p.look("PATCH", p.server, {"description": next(p.names)})
            ),
            "list a server's tools": Look(lambda p: p.look("GET", f"{p.server}/tools")),
            "start a chat": Look(lambda p: p.bench.look_at(p.new_chat, p.runs), ANY_SERVER),
        },
    ),
    "members": Axis(
        Place.new_member,
        {
            "list members": Look(
                lambda p: p.look("GET", f"{p.organization}/members"), "the page gets full"
            ),
            "list users": Look(lambda p: p.look("GET", USERS), "the page gets full"),
            "get oneself": Look(lambda p: p.look("GET", ME)),
            "add a member": Look(
                lambda p: p.look("POST", f"{p.organization}/members/{p.new_user()}", {})
            ),
            "list a group of one": Look(
                lambda p: p.look("GET", p.group_members),
                "reads the organisation's members, a thousand at a time",
            ),
            "list servers": Look(lambda p: p.look("GET", SERVERS)),
            "who may get access": Look(
                lambda p: p.look("GET", f"{p.server}/acl/available"), "the page gets full"
            ),
        },
    ),
    "chats": Axis(
        Place.new_chat,
        {
            "list chats": Look(lambda p: p.look("GET", CHATS), "the page gets full"),
            "search chats": Look(
                lambda p: p.look("GET", f"{CHATS}?q=nowhere"), "looks at a thousand with each read"
            ),
            "get a chat": Look(lambda p: p.look("GET", p.chat)),
            "start a chat": Look(lambda p: p.bench.look_at(p.new_chat, p.runs)),
        },
    ),
    "messages": Axis(
        Place.new_messages,
        {
            "get the chat": Look(lambda p: p.look("GET", p.chat)),
            "page of messages": Look(
                lambda p: p.look("GET", f"{p.chat}/messages"), "the page gets full"
            ),
            "events": Look(lambda p: p.look("GET", f"{p.chat}/events"), "the page gets full"),
            "send a message": Look(
                lambda p: p.look("POST", f"{p.chat}/messages", {"content": text("And then?")})
            ),
            "a worker's step": Look(
                lambda p: p.bench.look_at_step(
                    lambda: p.bench.deployment.services.turns.handle(p.chat_id)
                ),
                "the model is told the whole conversation",
            ),
        },
        _AT_ONCE,
    ),
}


def follow(name: str, sizes: tuple[int, ...], runs: int) -> dict[str, list[Call]]:
    """What each of an axis' requests takes at each size."""
    axis = AXES[name]
    found: dict[str, list[Call]] = {what: [] for what in axis.looks}
    with ExitStack() as stack:
        bench = stack.enter_context(starting())
        place = Place(bench, stack.enter_context(talking(bench.world)), runs)
        size = 0
        for wanted in sizes:
            while size < wanted:
                axis.add(place)
                size += axis.at_once
            for what, look in axis.looks.items():
                found[what].append(look.at(place))
    return found


def measure(
    sizes: tuple[int, ...] = SIZES, runs: int = 20, axes: tuple[str, ...] = tuple(AXES)
) -> Section:
    """Let each axis grow, and tell what grew with it."""
    columns = ["request", *(f"calls at {size}" for size in sizes), "read units", "body bytes"]
    columns += ["time ÷ smallest", "it grows, because"]
    tables: list[Table] = []
    lines: dict[str, list[float]] = {}
    flat: list[list[float]] = []
    for name in axes:
        rows: list[list[Cell]] = []
        for what, calls in follow(name, sizes, runs).items():
            times, why = _ratios(calls), AXES[name].looks[what].why
            if times and why:
                lines[f"{what} ({name})"] = times
            elif times:
                flat.append(times)
            rows.append(
                [
                    what,
                    *(each.database_calls for each in calls),
                    " → ".join(f"{each.consumed.read_units:g}" for each in calls),
                    " → ".join(f"{each.body_bytes}" for each in calls),
                    " → ".join(f"{each:.2f}" for each in times),
                    why,
                ]
            )
        tables.append(Table(f"More {name}", columns, rows))
    lines[f"the other {len(flat)}, median"] = [*map(statistics.median, zip(*flat, strict=True))]
    series = {what: _points(sizes, times) for what, times in lines.items()}
    chart = Chart("Time with more of them, by their number", "times that at the smallest", series)
    return Section("growth", "Growth", TEXT, tables, chart)


def _ratios(calls: list[Call]) -> list[float]:
    """Times at each size, by the first; each next to the empty route's of the same seconds."""
    medians = [
        statistics.median(each.milliseconds) / statistics.median(each.empty)
        for each in calls
        if each.milliseconds
    ]
    return [each / medians[0] for each in medians]


def _points(sizes: tuple[int, ...], times: list[float]) -> list[tuple[float, float]]:
    return list(zip(map(float, sizes), times, strict=True))
