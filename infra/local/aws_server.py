"""The local AWS: ministack, saving itself every other second. Runs in its own environment.

ministack saves only when it ends in good order, so a `kill -9` would lose everything, the KMS key
included. It also watches its parent: when `run.py` is killed, it saves and goes.
"""

import os
import signal
import threading
import time

import ministack.app
from ministack.core import persistence

_SAVE_SECONDS = 2.0
_WATCH_SECONDS = 0.25


def _save_for_ever() -> None:
    while True:
        time.sleep(_SAVE_SECONDS)
        # Failing now and then is normal: a table may change while it is written. The former file
        # stays until a whole new one replaces it.
        persistence.save_all(ministack.app._build_persistence_save_dict())  # noqa: SLF001


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve until told to stop."""
    os.umask(0o077)  # The state holds key material.
    parent = os.getppid()
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    threading.Thread(target=_save_for_ever, daemon=True).start()
    ministack.app.main()


if __name__ == "__main__":
    main()
