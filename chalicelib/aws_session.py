"""The botocore session that all clients of a process are made with, in whichever threads.

Making one takes its time in a cold start, so there is one for all.
"""

from threading import Lock
from typing import Any

from botocore.session import Session

from chalicelib.aws_calls import watch


class SharedSession(Session):
    """A session whose clients count their calls, and are made one at a time.

    Neither botocore's sessions nor the making of clients bear several threads
    (https://docs.aws.amazon.com/boto3/latest/guide/session.html#multithreading-or-multiprocessing-with-sessions);
    clients do.
    """

    def __init__(self) -> None:
        super().__init__()
        self._making = Lock()
        watch(self)

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        """As botocore's."""
        with self._making:
            return super().create_client(*args, **kwargs)
