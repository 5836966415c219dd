"""The local run's HTTP server."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from chalice.app import Chalice

from infra.local.devserver import make_server

AT_ONCE = 4


@pytest.fixture
def url() -> Iterator[str]:
    """An app that answers who asked, once everybody has."""
    app, everybody = Chalice(app_name="who", configure_logs=False), threading.Barrier(AT_ONCE)

    @app.route("/who")
    def who() -> str:
        everybody.wait(timeout=30)
        request = app.current_request
        assert request is not None
        return str(request.headers["x-name"])

    server = make_server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/who"
    server.shutdown()
    thread.join()
    server.server_close()


def test_everybody_who_asks_at_the_same_time_is_answered_for_themselves(url: str) -> None:
    names = [f"n{number}" for number in range(AT_ONCE)]

    def ask(name: str) -> str:
        return httpx.get(url, headers={"X-Name": name}, timeout=30).text

    with ThreadPoolExecutor(AT_ONCE) as pool:
        assert list(pool.map(ask, names)) == names
