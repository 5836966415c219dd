"""How soon chats answer, through the SDK, and what a turn consumes."""

import statistics
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
from tests.bench.report import Cell, Section, Table
from tests.support.chat_journey import ask, start
from tests.support.local_stack import ADMIN_TOKEN, LocalRun
from tests.support.mcp_peers import running_mcp_server
from tests.support.servers import create_server

RUNS = 20
TEXT = """From before the sending until the SDK has it, with a model that answers at once and a real
MCP server, all on this machine. The long poll looks every 0.4 seconds, and these turns are over
before it looks a second time. The local AWS looks into the queue once a second, which AWS does not.
What a turn consumes is among the costs."""
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


PLACES = {"local run": local, "deployed on the local AWS": deployed}


def ask_twice(where: str, url: str, token: str, runs: int) -> list[list[Cell]]:
    """Ask for a plain answer and for one with a tool; seconds, medians."""
    headers = {"Authorization": f"Bearer {token}"}
    rows: list[list[Cell]] = []
    with (
        running_mcp_server() as mcp_url,
        ScriptedModel() as model,
        httpx.Client(base_url=url, headers=headers) as admin,
        Client(url, token) as client,
    ):
        ensure_model(client, model.base_url, "", "scripted")
        server = create_server(admin, slug="sums", url=mcp_url, auth_type="none", enabled=True)
        session, cold = start(client, CALL, server["id"])
        for what, question in (("an answer", "Hello"), ("a tool call, then an answer", CALL)):
            answers = [ask(session, question) for _ in range(runs)]
            first = statistics.median(each.first for each in answers)
            final = statistics.median(each.final for each in answers)
            rows.append([f"{where}, {what}", first, final])
    rows.append([f"{where}, cold, a tool call, then an answer (once)", cold.first, cold.final])
    return rows


def measure(runs: int = RUNS) -> Section:
    """Ask on the local run and on the deployed stack."""
    rows: list[list[Cell]] = []
    for where, place in PLACES.items():
        with place() as (url, token):
            rows += ask_twice(where, url, token, runs)
    columns = ["seconds", "first part", "whole turn"]
    return Section("chats", "Chats", TEXT, [Table(f"Medians of {runs}", columns, rows)])
