"""Posting to open sockets: the only place that talks to API Gateway."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.logs import describe_exception, get_logger
from chalicelib.sockets.errors import PushFailedError


class Pusher:
    """Posts to sockets through `@connections`; lives as long as the container.

    Args:
        client: gives the botocore `apigatewaymanagementapi` client; called on first use.
    """

    def __init__(self, client: Callable[[], Any]) -> None:
        self._client = client

    def post(self, connection_id: str, content: bytes) -> bool:
        """Post a message to a socket; says whether the socket is still there.

        One that is there and does not get it, as when it is slow, misses it: it looks by itself.

        Raises:
            PushFailedError: API Gateway does not answer at all.
        """
        try:
            self._client().post_to_connection(ConnectionId=connection_id, Data=content)
        except ClientError as exc:
            if exc.response["ResponseMetadata"].get("HTTPStatusCode") == 410:
                return False
            fields = {
                "aws_code": exc.response.get("Error", {}).get("Code"),
                **describe_exception(exc),
            }
            get_logger().warning("A push was refused.", extra={"fields": fields})
        except BotoCoreError as exc:
            raise PushFailedError from exc
        return True
