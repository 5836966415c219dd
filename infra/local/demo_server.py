"""A small OAuth2-protected MCP server: FastMCP with its in-memory authorization server.

Runs in the peers' environment. It prints its MCP endpoint once it listens, and ends when its
standard input does. `--port 0` takes a free port; `--token-seconds` is the access tokens' lifetime;
`--clients` names a file that keeps the registered clients from one run to the next; `--requests`
names one that gets a line for each request.
"""

import argparse
import json
import logging
import os
import socket
import sys
import threading
from pathlib import Path

from fastmcp import FastMCP
from fastmcp.server.auth.auth import ClientRegistrationOptions, RevocationOptions
from fastmcp.server.auth.providers import in_memory
from mcp.shared.auth import OAuthClientInformationFull

_HOST = "127.0.0.1"
_NOTES = {"welcome": "Ciborium is a chalice with a lid.", "todo": "Connect a second server."}


class DemoProvider(in_memory.InMemoryOAuthProvider):
    """Approves everybody, and remembers its clients: a registry that knows it outlives it."""

    clients_file: Path | None = None

    def load_clients(self, file: Path) -> None:
        """Keep the clients in a file from now on."""
        self.clients_file = file
        if file.is_file():
            for each in json.loads(file.read_text(encoding="utf-8")):
                client = OAuthClientInformationFull.model_validate(each)
                self.clients[str(client.client_id)] = client

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        """Register a client, on disk as well."""
        await super().register_client(client_info)
        if self.clients_file:
            known = [client.model_dump(mode="json") for client in self.clients.values()]
            self.clients_file.write_text(json.dumps(known), encoding="utf-8")


def build_server(base_url: str, clients: Path | None) -> FastMCP:
    """Three tools behind a sign-in that approves everybody."""
    auth = DemoProvider(
        base_url=base_url,
        client_registration_options=ClientRegistrationOptions(
            enabled=True, valid_scopes=["notes"], default_scopes=["notes"]
        ),
        revocation_options=RevocationOptions(enabled=True),
        required_scopes=["notes"],
    )
    if clients:
        auth.load_clients(clients)
    server: FastMCP = FastMCP("Demo notes", auth=auth)

    @server.tool
    def list_notes() -> list[str]:
        """The titles of all notes."""
        return sorted(_NOTES)

    @server.tool
    def read_note(title: str) -> str:
        """The text of a note."""
        return _NOTES[title]

    @server.tool
    def add_numbers(a: float, b: float) -> float:
        """The sum of two numbers."""
        return a + b

    return server


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token-seconds", type=int, default=3600)
    parser.add_argument("--clients", type=Path)
    parser.add_argument("--requests", type=Path)
    arguments = parser.parse_args()
    in_memory.DEFAULT_ACCESS_TOKEN_EXPIRY_SECONDS = arguments.token_seconds
    listener = socket.create_server((_HOST, arguments.port))
    base_url = f"http://{_HOST}:{listener.getsockname()[1]}"
    app = build_server(base_url, arguments.clients).http_app(path="/mcp")
    threading.Thread(target=_end_with_input, daemon=True).start()
    print(f"{base_url}/mcp", flush=True)
    import uvicorn

    config = uvicorn.Config(app, log_level="warning")
    if arguments.requests:
        log = logging.getLogger("uvicorn.access")
        log.setLevel(logging.INFO)
        log.handlers[:] = [logging.FileHandler(arguments.requests)]
    uvicorn.Server(config).run(sockets=[listener])


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)  # Whoever started us is gone; there is nothing to save.


if __name__ == "__main__":
    main()
