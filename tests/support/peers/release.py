"""A release's API, beside others: run with the release's own folder on PYTHONPATH.

Prints one line once it listens: where its API is, where it takes events of the WebSocket API as
JSON, and where its code lies. Its log follows on standard output. It ends when its standard input
does.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import Any

import chalicelib.events
from app import app
from infra.local.devserver import make_server

HOST = "127.0.0.1"


class Events(BaseHTTPRequestHandler):
    """Takes an event as Lambda would; answers what the function answers."""

    def do_POST(self) -> None:
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        content = json.dumps(app.handler_map["follow"](event, None)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the base's name
        pass


def main() -> None:
    servers: list[HTTPServer] = [make_server(app, HOST, 0), ThreadingHTTPServer((HOST, 0), Events)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    urls = [f"http://{HOST}:{each.server_address[1]}" for each in servers]
    print(json.dumps({"urls": urls, "code": chalicelib.events.__file__}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
