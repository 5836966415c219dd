import time
from typing import Self


class Deadline(float):
    """The moment when a whole budget of seconds is spent; several requests may share one.

    It is handed to httpcore as its timeouts, which passes it unchanged to every single read and
    write. As a plain number it would bound each of them anew, and a server that sends a byte a
    second would never be cut off.
    """

    __slots__ = ("_moment",)
    _moment: float

    def __new__(cls, seconds: float) -> Self:
        """A deadline `seconds` from now."""
        deadline = super().__new__(cls, seconds)
        deadline._moment = time.monotonic() + seconds
        return deadline

    def remaining(self) -> float:
        """The seconds that are left, zero or less when none are."""
        return self._moment - time.monotonic()
