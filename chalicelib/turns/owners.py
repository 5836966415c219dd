"""In whose name a worker works."""

from chalicelib.chats.models import Chat
from chalicelib.identity.models import Actor, UserStatus
from chalicelib.identity.permissions import TokenScope
from chalicelib.identity.service import IdentityService
from chalicelib.organizations.models import Membership
from chalicelib.organizations.service import OrganizationService
from chalicelib.turns.steps import failed


class Owners:
    """Finds chats' owners as they are now; lives as long as the container."""

    def __init__(self, identity: IdentityService, organizations: OrganizationService) -> None:
        self._identity = identity
        self._organizations = organizations

    def find(self, chat: Chat) -> tuple[Actor, Membership]:
        """The owner of a chat as an actor, and as a member of the chat's organisation.

        Raises:
            StepFailedError: they are suspended or gone, or have left the organisation.
        """
        user = self._identity.find_users([chat.owner_id]).get(chat.owner_id)
        membership = self._organizations.find_membership(chat.organization_id, chat.owner_id)
        if user is None or user.status is not UserStatus.ACTIVE or membership is None:
            raise failed("not_allowed", "You may not use this organisation's chats any more.")
        actor = Actor(
            user_id=user.id,
            roles=user.roles,
            token_digest="",  # No token: the owner is not there.
            username=user.username,
            scopes=(TokenScope.ALL,),
        )
        return actor, membership
