"""The deployment."""

from ..system import BuildInfo, Health
from .base import Methods


class SystemMethods(Methods):
    """What the deployment says of itself."""

    def get_health(self) -> Health:
        """The process is up; nothing else is asked."""
        return self._connection.get(Health, "/healthz")

    def get_readiness(self) -> Health:
        """What the deployment needs answers, too."""
        return self._connection.get(Health, "/readyz")

    def get_build_info(self) -> BuildInfo:
        """The version, and where browsers reach the deployment."""
        return self._connection.get(BuildInfo, "/api/v2/buildinfo")
