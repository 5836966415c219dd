"""The first admin and the default organisation, made against the tables themselves.

    python -m infra.first_admin < token

For a deployment, with its settings and AWS credentials in the environment. It is safe to repeat.
"""

import os
import sys
from dataclasses import dataclass

from chalicelib.bootstrap import Services
from chalicelib.config import Settings, SettingsError
from chalicelib.errors import CiboriumError


@dataclass(frozen=True)
class FirstAdmin:
    """Who was made, or found."""

    user_id: str
    organization_id: str


def ensure_first_admin(settings: Settings, token: str) -> FirstAdmin:
    """Make the first admin with this token and the default organisation, unless they are there.

    Raises:
        WeakTokenError: the token is shorter than 32 characters.
        InvalidTokenError: the token was made before and has expired.
    """
    services = Services(settings)
    owner = services.identity.ensure_first_owner(token)
    organization = services.organizations.ensure_default(owner)
    return FirstAdmin(owner.id, organization.id)


def main() -> None:
    """Read the token from standard input, so that it is in no process list."""
    try:
        made = ensure_first_admin(
            Settings.from_environment(os.environ), sys.stdin.readline().strip()
        )
    except (SettingsError, CiboriumError) as exc:
        sys.exit(str(exc))
    print(f"First admin: {made.user_id}, default organisation: {made.organization_id}")


if __name__ == "__main__":
    main()
