from chalicelib.logs import get_logger


class PlaceholderWorker:
    """Only logs. To be replaced by chalicelib/turns/worker.py in `bootstrap.build_services`."""

    def handle(self, chat_id: str) -> None:
        """Log that a step would be performed."""
        get_logger().info("turn step", extra={"fields": {"chat_id": chat_id}})

    def wake_stuck(self) -> int:
        """Wake nobody."""
        return 0
