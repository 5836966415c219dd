"""A clock that tests move by hand."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """The time, standing still until it is advanced."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **interval: float) -> None:
        """Let time pass, as `timedelta` takes it."""
        self.now += timedelta(**interval)
