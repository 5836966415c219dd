"""Requests at the same time, as the local run has them."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from chalicelib.api import API
from infra.local.devserver import make_server


@pytest.fixture
def url() -> Iterator[str]:
    """A server whose only view waits until it is asked by two, and then says what it was asked."""
    app = API(app_name="test")
    both = threading.Barrier(2)

    @app.route("/", methods=["POST"])
    def view() -> dict[str, str]:
        both.wait(timeout=10)
        assert app.current_request is not None
        return {"token": app.current_request.headers["authorization"]}

    server = make_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_each_request_is_answered_as_its_own(url: str) -> None:
    def ask(token: str) -> str:
        headers = {"Authorization": token, "Content-Type": "application/json"}
        answer = httpx.post(url, headers=headers, content=b"{}", timeout=30)
        return str(answer.raise_for_status().json()["token"])

    tokens = ["mara's", "omar's"]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(ask, tokens)) == tokens
