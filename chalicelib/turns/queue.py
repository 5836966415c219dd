"""The queue of hints that a chat may have a next step: the only place that sends to it.

A hint carries no state, so it may be lost, doubled or late; what is due stands in the chat. Whoever
changes a chat commits first and hints then.
"""

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.logs import describe_exception, get_logger

_LONGEST_DELAY_SECONDS = 900  # Of SQS; a hint that comes early changes nothing.


class TurnQueue:
    """Sends hints to the deployment's SQS queue; lives as long as the container.

    Args:
        client: gives the botocore SQS client; called on first use, since most requests need none.
        name: the queue's name.
    """

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        self._client = client
        self._name = name

    def send(self, chat_id: str, delay_seconds: int = 0) -> None:
        """Hint that a chat may have a next step, after a delay.

        Raises nothing when SQS fails: the change that it tells of is committed, and the reaper
        finds within a minute or two every chat that is due and that nobody works on.
        """
        try:
            self._client().send_message(
                QueueUrl=self._url,
                MessageBody=json.dumps({"chat_id": chat_id}),
                DelaySeconds=min(delay_seconds, _LONGEST_DELAY_SECONDS),
            )
        except (BotoCoreError, ClientError) as exc:
            fields = {"chat_id": chat_id, **describe_exception(exc)}
            get_logger().warning("turn hint lost, left to the reaper", extra={"fields": fields})

    @cached_property
    def _url(self) -> str:
        """Asked for once in each container; a failure is not remembered."""
        return str(self._client().get_queue_url(QueueName=self._name)["QueueUrl"])
