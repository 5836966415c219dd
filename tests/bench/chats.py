"""How soon chats answer, through the SDK: `make bench-chats`.

Twenty questions each on the local run and on the deployed stack, to a scripted model that answers
at once and a real MCP server, all on this machine. The first of them, which starts what is cold, is
not counted.
"""

import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from chalicelib.sdk import Client
from infra import package
from infra.deploy_local import deployed_stack
from infra.local.models import ensure_model
from infra.local.scripted_model import ScriptedModel
from tests.support.chat_journey import ask, start
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.mcp_peers import running_mcp_server
from tests.support.servers import create_server

RUNS = 20
CALL = 'use add {"a": 19, "b": 23}'


@contextmanager
def local() -> Iterator[tuple[str, str]]:
    """The local run; its URL and a token."""
    with tempfile.TemporaryDirectory() as state, LocalRun(Path(state)) as run:
        yield run.url, ADMIN_TOKEN


@contextmanager
def deployed() -> Iterator[tuple[str, str]]:
    """The package, deployed on the local AWS."""
    package.build()
    with tempfile.TemporaryDirectory() as state, deployed_stack(Path(state)) as stack:
        yield stack.url, stack.admin_token


def measure(where: str, url: str, token: str) -> None:
    """Ask, and print the medians."""
    headers = {"Authorization": f"Bearer {token}"}
    with (
        running_mcp_server() as mcp_url,
        ScriptedModel() as model,
        httpx.Client(base_url=url, headers=headers) as admin,
        Client(url, token) as client,
    ):
        ensure_model(client, model.base_url, "", "scripted")
        server = create_server(admin, slug="sums", url=mcp_url, auth_type="none", enabled=True)
        session, cold = start(client, CALL, server["id"])
        print(f"{where}, cold: first part {cold.first:.2f} s, answer {cold.final:.2f} s")
        for what, question in (("an answer", "Hello"), ("a tool call, then an answer", CALL)):
            answers = [ask(session, question) for _ in range(RUNS)]
            first = statistics.median(each.first for each in answers)
            final = statistics.median(each.final for each in answers)
            print(f"{where}, {what}: first part {first:.2f} s, all {final:.2f} s", flush=True)


def main() -> None:
    """Measure both, or the one that is named."""
    places = {"local": local, "deployed": deployed}
    for where in sys.argv[1:] or places:
        with places[where]() as (url, token):
            measure(where, url, token)


if __name__ == "__main__":
    main()
