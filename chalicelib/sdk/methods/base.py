"""What all groups of methods have."""

from ..connection import Connection


class Methods:
    """Methods over one connection."""

    _connection: Connection
