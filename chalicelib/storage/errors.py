"""What can go wrong between us and DynamoDB, apart from lost races, which the features name."""

from chalicelib.errors import UnavailableError


class StorageUnavailableError(UnavailableError):
    """DynamoDB is throttling, failing or out of reach; nothing was half-written.

    Of a write nobody knows whether it was made: perhaps only its answer was lost.
    """

    code = "storage_unavailable"
