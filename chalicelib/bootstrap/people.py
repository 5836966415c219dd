"""Who somebody is, and where they belong."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.bootstrap.foundation import Foundation
from chalicelib.bootstrap.parts import part

if TYPE_CHECKING:
    from chalicelib.audit.service import AuditService
    from chalicelib.chats.repository import ChatRepository
    from chalicelib.files.repository import FileRepository
    from chalicelib.groups.service import GroupService
    from chalicelib.idempotency.service import IdempotencyService
    from chalicelib.identity.accounts import Accounts
    from chalicelib.identity.models import Actor
    from chalicelib.identity.repository import IdentityRepository
    from chalicelib.identity.service import IdentityService
    from chalicelib.identity.tokens import TokenService
    from chalicelib.oidc.provider import IdentityProvider
    from chalicelib.oidc.repository import LoginTokensRepository
    from chalicelib.oidc.service import SignInService
    from chalicelib.oidc.tokens import LoginTokenKeeper
    from chalicelib.organizations.repository import OrganizationRepository
    from chalicelib.organizations.service import OrganizationService


class People(Foundation):
    """Identity, sign-in, organisations, groups."""

    @part
    def _identity_repository(self) -> IdentityRepository:
        from chalicelib.identity.repository import IdentityRepository

        return IdentityRepository(self._database, self._audit)

    @part
    def _accounts(self) -> Accounts:
        from chalicelib.identity.accounts import Accounts

        return Accounts(self._identity_repository, self._clock)

    @part
    def _session_lifetime(self) -> timedelta:
        return timedelta(hours=self._settings.session_hours)

    @part
    def _organization_repository(self) -> OrganizationRepository:
        from chalicelib.organizations.repository import OrganizationRepository

        return OrganizationRepository(self._database, self._audit, self._identity_repository)

    @part
    def _chat_repository(self) -> ChatRepository:
        from chalicelib.chats.repository import ChatRepository

        return ChatRepository(
            self._database, self._audit, self._identity_repository, self._organization_repository
        )

    @part
    def _file_repository(self) -> FileRepository:
        from chalicelib.files.repository import FileRepository

        return FileRepository(
            self._database, self._audit, self._identity_repository, self._organization_repository
        )

    @part
    def identity(self) -> IdentityService:
        """Authentication and sessions."""
        from chalicelib.identity.service import IdentityService

        return IdentityService(self._accounts, self._session_lifetime)

    @part
    def tokens(self) -> TokenService:
        """API tokens."""
        from chalicelib.identity.tokens import TokenService

        return TokenService(self._accounts)

    @part
    def organizations(self) -> OrganizationService:
        """Organisations and their members."""
        from chalicelib.organizations.service import OrganizationService

        return OrganizationService(
            self._organization_repository,
            self.identity,
            lambda: self._chat_repository,
            lambda: self._file_repository,
            self._clock,
        )

    @part
    def groups(self) -> GroupService:
        """Groups of members."""
        from chalicelib.groups.repository import GroupRepository
        from chalicelib.groups.service import GroupService

        repository = GroupRepository(self._database, self._audit, self._organization_repository)
        return GroupService(repository, self.organizations, self._clock)

    @part
    def audit(self) -> AuditService[Actor]:
        """The audit log."""
        from chalicelib.audit.service import AuditService
        from chalicelib.encryption import Cursors
        from chalicelib.encryption.fields import AUDIT_CURSOR

        return AuditService(
            self._audit,
            Cursors(self._vault, AUDIT_CURSOR),
            self.organizations.require_audit_reader,
            self._clock,
            self._audit_retention,
        )

    @part
    def idempotency(self) -> IdempotencyService:
        """Answers to requests that come again."""
        from chalicelib.idempotency.repository import IdempotencyRepository
        from chalicelib.idempotency.service import IdempotencyService

        return IdempotencyService(IdempotencyRepository(self._database), self._vault, self._clock)

    @part
    def _login_tokens_repository(self) -> LoginTokensRepository:
        from chalicelib.oidc.repository import LoginTokensRepository

        return LoginTokensRepository(self._database, self._identity_repository)

    @part
    def _identity_provider(self) -> IdentityProvider | None:
        from chalicelib.oidc.provider import IdentityProvider  # Few requests sign in.

        oidc = self._settings.oidc
        return IdentityProvider(self._egress, oidc, self._clock) if oidc else None

    @part
    def _login_tokens(self) -> LoginTokenKeeper:
        from chalicelib.oidc.tokens import LoginTokenKeeper

        oidc = self._settings.oidc
        return LoginTokenKeeper(
            issuer=oidc.issuer if oidc else "",
            provider=self._identity_provider,
            repository=self._login_tokens_repository,
            vault=self._vault,
            clock=self._clock,
            pause=self._pause,
        )

    @part
    def sign_in(self) -> SignInService:
        """Sign-in through OpenID Connect."""
        from chalicelib.identity.logins import LoginService
        from chalicelib.oidc.service import SignInService

        return SignInService(
            settings=self._settings.oidc,
            provider=self._identity_provider,
            logins=LoginService(self._accounts, self._session_lifetime),
            organizations=self.organizations,
            tokens=self._login_tokens,
            vault=self._vault,
            redirect_uri=self.public_url.url("/api/v2/users/oidc/callback"),
            clock=self._clock,
        )
