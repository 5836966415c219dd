"""Turning a refused condition into the feature's own error."""

from collections.abc import Iterator
from contextlib import contextmanager

from pynamodb.exceptions import DeleteError, PutError, UpdateError


@contextmanager
def refused_as(error: Exception) -> Iterator[None]:
    """Raise `error` when the condition of the single write inside does not hold."""
    try:
        yield
    except (PutError, UpdateError, DeleteError) as exc:
        if exc.cause_response_code == "ConditionalCheckFailedException":
            raise error from exc
        raise


@contextmanager
def refusal_ignored() -> Iterator[None]:
    """Go on when the condition of the single write inside does not hold: it is done already."""
    try:
        yield
    except (PutError, UpdateError, DeleteError) as exc:
        if exc.cause_response_code != "ConditionalCheckFailedException":
            raise
