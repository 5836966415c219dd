"""`make run`: the whole product on this machine, from nothing, until Ctrl-C.

One process serves the API and looks after two others: the local AWS (`aws_server.py`), and the
worker on chats' turns (`worker.py`). With `--demo` a small MCP server with a sign-in of its own
(`demo_server.py`) runs there too, and, unless the environment names a model, a scripted one
(`scripted_model.py`).
"""

import atexit
import fcntl
import gc
import hashlib
import json
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TextIO

from chalice.app import Chalice
from chalice.local import ThreadedHTTPServer
from pydantic import ValidationError

from chalicelib.config import Settings, SettingsError
from chalicelib.errors import CiboriumError
from chalicelib.primitives import parse_number
from chalicelib.sdk.client import Client
from chalicelib.sdk.exceptions import SDKError
from infra.cloudformation import DeploymentError, deploy, find_stack, load_template
from infra.local import guide
from infra.local.aws import LocalAWS, LocalAWSError
from infra.local.demo import DemoError, DemoModel, DemoServer
from infra.local.devserver import make_server
from infra.local.environments import ROOT
from infra.local.models import (
    disable_scripted_models,
    ensure_model,
    ensure_scripted_model,
    find_model,
)
from infra.local.supervisor import SupervisedWorker
from infra.local.worker import read_intervals, read_lease
from infra.operator.first_admin import FirstAdmin, ensure_first_admin

HOST = "127.0.0.1"
STAGE = "local"
_STACK = "ciborium-local"
_LOCK_SECONDS = 15
_LOOK_SECONDS = 0.1  # How far apart the server looks whether it shall stop.


class StartError(Exception):
    """The run cannot start; one line says why and what to do."""


def main() -> None:
    """Run until told to stop."""
    atexit.register(gc.freeze)  # Else a quarter second goes into looking through all once more.
    signal.signal(signal.SIGTERM, _stop)
    try:
        run(demo="--demo" in sys.argv[1:])
    except KeyboardInterrupt:
        print("Stopped.", flush=True)
    except (StartError, LocalAWSError, DemoError, DeploymentError, SettingsError) as exc:
        sys.exit(f"Cannot start: {exc}")
    except CiboriumError as exc:
        sys.exit(f"Cannot start: {exc.message}")
    except OSError as exc:
        where = f" ({exc.filename})" if exc.filename else ""
        sys.exit(f"Cannot start: {exc.strerror}{where}.")


def run(*, demo: bool) -> None:
    """Start everything, serve, and stop everything whatever happens."""
    started = time.monotonic()
    port = _port()
    state = _state_folder()
    with _alone(state) as running, _exclusive(state) as lock, _running_aws(state, lock) as aws:
        os.environ.update(_environment(aws, port))
        settings = Settings.from_environment(os.environ)
        read_intervals(os.environ)  # The worker's own; refused here, before anything is started.
        read_lease(os.environ)
        _ensure_stack(aws, state)
        token = _admin_token(state)
        admin = ensure_first_admin(settings, token)
        try:
            server = make_server(_load_app(), HOST, port)
        except OSError as exc:
            raise StartError(_port_in_use(port)) from exc
        demo_server = DemoServer(state) if demo else None
        demo_model = DemoModel(state) if demo and find_model(os.environ) is None else None
        worker = SupervisedWorker(state)
        beside = [each for each in (worker, demo_server, demo_model) if each]
        try:
            for each in beside:
                each.start()
            with _serving(server) as thread:
                model = _set_up_model(f"http://{HOST}:{port}", token, demo_model)
                _say(f"Ready after {time.monotonic() - started:.1f} s.")
                _print_guide(settings, token, admin, demo_server, model)
                thread.join()
        finally:
            running.close()  # Whoever starts now is not refused, but waits until all is saved.
            _say("Stopping …")
            server.server_close()
            for each in beside:
                each.stop()


@contextmanager
def _serving(server: ThreadedHTTPServer) -> Iterator[threading.Thread]:
    """Serve in a thread, so that a signal interrupts the wait and not a request."""
    look = {"poll_interval": _LOOK_SECONDS}
    thread = threading.Thread(target=server.serve_forever, kwargs=look, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        server.shutdown()


def _set_up_model(url: str, token: str, demo_model: DemoModel | None) -> str | None:
    """Give chats a model, if there is one; the default one's name. A wrong one is only told of."""
    named = find_model(os.environ)
    try:
        with Client(url, token) as client:
            if demo_model:
                ensure_scripted_model(client, demo_model.url)
            else:
                disable_scripted_models(client)
            if named:
                model = ensure_model(client, named.base_url, named.api_key, named.model)
                _say(f"Chats can use {model.display_name} at {named.base_url}.")
            usable = client.experimental.list_chat_models()
    except (SDKError, ValidationError) as exc:
        # A ValidationError's own text would quote what was in the variables.
        why = str(exc) if isinstance(exc, SDKError) else "One of them is malformed."
        source = "OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL" if named else "the demo"
        _say(f"No model was set up from {source}: {why}")
        return None
    return next((each.display_name for each in usable if each.is_default), None)


def _load_app() -> Chalice:
    """The app, which may read the environment only now that it is complete."""
    from app import app

    return app


def _port() -> int:
    text = os.environ.get("CIBORIUM_PORT", "") or "8000"
    port = parse_number(text, 1, 65535)
    if port is None:
        raise StartError("CIBORIUM_PORT must be a port number, such as 8000.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as exc:
            raise StartError(_port_in_use(port)) from exc
    return port


def _port_in_use(port: int) -> str:
    return f"port {port} is in use. Stop what uses it, or choose another with CIBORIUM_PORT."


def _state_folder() -> Path:
    folder = Path(os.environ.get("CIBORIUM_STATE_DIR", "") or ROOT / ".local" / "state")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / "writable"
        probe.write_text("yes", encoding="utf-8")
        probe.unlink()
    except OSError as exc:
        raise StartError(
            f"the state folder {folder} cannot be written: {exc.strerror}. "
            "Choose another with CIBORIUM_STATE_DIR."
        ) from exc
    return folder


@contextmanager
def _alone(state: Path) -> Iterator[TextIO]:
    """Be the only run of the state folder that is not about to end."""
    with (state / "running").open("w") as running:
        try:
            fcntl.flock(running, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _in_use(state) from None
        yield running


@contextmanager
def _exclusive(state: Path) -> Iterator[int]:
    """Hold the state folder alone; a run that has ended lets go as soon as its AWS has saved."""
    give_up = time.monotonic() + _LOCK_SECONDS
    with (state / "lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > give_up:
                    raise _in_use(state) from None
                time.sleep(_LOOK_SECONDS)
        yield lock.fileno()


def _in_use(state: Path) -> StartError:
    return StartError(
        f"another run uses the state folder {state}. Stop it, "
        "or choose another with CIBORIUM_STATE_DIR."
    )


@contextmanager
def _running_aws(state: Path, lock: int) -> Iterator[LocalAWS]:
    """The local AWS, which holds the lock as well: until it has saved, nobody else may start."""
    _say("Starting the local AWS …")
    aws = LocalAWS(state, lock)
    try:
        aws.start()
        yield aws
    finally:
        aws.stop()


def _environment(aws: LocalAWS, port: int) -> dict[str, str]:
    """What the product reads; what the developer set stands."""
    defaults = {
        "CIBORIUM_STAGE": STAGE,
        "CIBORIUM_PUBLIC_URL": f"http://{HOST}:{port}",
        "CIBORIUM_ALLOWED_PRIVATE_CIDRS": "127.0.0.0/8,::1/128",
    }
    chosen = {name: os.environ.get(name) or value for name, value in defaults.items()}
    return {**chosen, "CIBORIUM_STAGE": STAGE, **aws.environment()}


def _ensure_stack(aws: LocalAWS, state: Path) -> None:
    """Create the tables, the key and the queue, or change them when the template has changed."""
    template = load_template("data.yaml")
    digest = hashlib.sha256(json.dumps(template).encode()).hexdigest()
    made_from = state / "stack"
    client = aws.client("cloudformation")
    if find_stack(client, _STACK) and made_from.is_file() and made_from.read_text() == digest:
        return
    _say("Creating tables, key and queue …")
    deploy(client, _STACK, template, {"Stage": STAGE, "DeletionProtection": "false"})
    made_from.write_text(digest)


def _admin_token(state: Path) -> str:
    """The chosen token, or one that is made once and kept for this user's eyes."""
    chosen = os.environ.get("CIBORIUM_ADMIN_TOKEN", "")
    if chosen:
        return chosen
    kept = state / "admin-token"
    with suppress(FileNotFoundError):
        return kept.read_text(encoding="utf-8").strip()
    token = "ciborium_" + secrets.token_urlsafe(32)
    with open(kept, "w", encoding="utf-8", opener=_private) as file:
        file.write(token + "\n")
    return token


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _print_guide(
    settings: Settings,
    token: str,
    admin: FirstAdmin,
    demo_server: DemoServer | None,
    model: str | None,
) -> None:
    server_url = demo_server.url if demo_server else "https://mcp.linear.app/mcp"
    print(
        guide.build_guide(
            base_url=settings.public_url.url(""),
            token=token,
            organization_id=admin.organization_id,
            server_url=server_url,
            is_demo=demo_server is not None,
            model=model,
        ),
        flush=True,
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
