"""One call of a model, through whichever API its provider speaks."""

from collections.abc import Callable, Iterator
from typing import Any

from chalicelib.egress import Egress
from chalicelib.turns.providers.models import Event, ModelRequest, ModelTarget

AWSCredentials = Callable[[], Any]
"""The role's credentials as botocore has them (`Session.get_credentials`), or None."""


class ModelClient:
    """Calls models; lives as long as the container, and is thread-safe.

    Args:
        egress: the way out.
        aws_credentials: our role's, for Bedrock without a key.
    """

    def __init__(self, egress: Egress, aws_credentials: AWSCredentials = lambda: None) -> None:
        self._egress = egress
        self._aws_credentials = aws_credentials

    def stream(self, target: ModelTarget, request: ModelRequest, budget: float) -> Iterator[Event]:
        """The answer while it arrives; the last event is `Finished`, or there is an error.

        Nothing is sent before the first event is asked for. To stop early, close the iterator
        (`contextlib.closing`): that hangs up.

        Args:
            target: where to.
            request: what to ask.
            budget: seconds for everything, from the name lookup to the last byte; or a `Deadline`.

        Raises:
            ModelError: there is no answer, or not a whole one.
        """
        raise NotImplementedError
