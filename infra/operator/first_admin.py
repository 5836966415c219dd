"""The first admin and the default organisation, made against the tables themselves."""

from dataclasses import dataclass

from chalicelib.bootstrap import Services
from chalicelib.config import Settings


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
