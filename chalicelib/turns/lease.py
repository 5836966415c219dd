"""Holding a chat while a step is at work, and hearing that it is to stop."""

import threading
from datetime import timedelta
from types import TracebackType
from typing import Self

from chalicelib.chats import states
from chalicelib.chats.errors import LeaseLostError
from chalicelib.chats.models import Chat
from chalicelib.chats.repository import ChatRepository
from chalicelib.logs import describe_exception, get_logger
from chalicelib.metrics import carried
from chalicelib.primitives import Clock
from chalicelib.sdk.chats import ChatStatus

RENEWED_EVERY_SECONDS = 2.0


class HeldLease:
    """Renews a lease from a thread of its own, until the step is over.

    A worker that is killed renews it no more, so another one may go on once it has run out.

    Args:
        repository: where the lease is kept.
        chat: of which chat, as it was claimed.
        holder: the lease's name.
        clock: the time.
        lease: for how long it is held each time.
        every: seconds between two renewals.
    """

    def __init__(
        self,
        repository: ChatRepository,
        chat: Chat,
        holder: str,
        clock: Clock,
        lease: timedelta = states.LEASE,
        every: float = RENEWED_EVERY_SECONDS,
    ) -> None:
        self._repository = repository
        self._chat = chat
        self._clock = clock
        self._lease = lease
        self._every = every
        self._over = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=carried(self._renew), daemon=True)
        self.holder = holder

    @property
    def is_stopped(self) -> bool:
        """Whether the owner has interrupted the turn, or the lease is lost."""
        return self._stopped.is_set()

    @property
    def chat(self) -> Chat:
        """The chat as it was when the lease was last renewed."""
        return self._chat

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._every):
            try:
                until = self._clock() + self._lease
                self._chat = self._repository.renew(self._chat.id, self.holder, until)
            except LeaseLostError:
                self._stopped.set()
                return
            except Exception as exc:  # noqa: BLE001 -- the lease outlives several failures
                fields = {"chat_id": self._chat.id, **describe_exception(exc)}
                get_logger().warning("A lease was not renewed.", extra={"fields": fields})
                continue
            if self._chat.status is ChatStatus.INTERRUPTING:
                self._stopped.set()
