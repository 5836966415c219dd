"""What can go wrong when somebody signs in at an OpenID Connect provider."""

from chalicelib.errors import ForbiddenError, InvalidInputError, NotFoundError, UpstreamError

_LONGEST_DESCRIPTION = 300


class OIDCNotConfiguredError(NotFoundError):
    """This deployment has no OpenID Connect provider."""

    code = "oidc_not_configured"

    def __init__(self) -> None:
        super().__init__("Signing in through an identity provider is not set up here.")


class InvalidLoginStateError(InvalidInputError):
    """The answer belongs to no sign-in that this browser has begun lately."""

    code = "oidc_invalid_state"

    def __init__(self) -> None:
        super().__init__(
            "This sign-in was begun in another browser, or too long ago. Sign in again."
        )


class ProviderRefusedLoginError(ForbiddenError):
    """The provider itself refused; what it says is shown only once the state holds."""

    code = "oidc_provider_refused"

    def __init__(self, error: str, description: str) -> None:
        said = "".join(c for c in description if c.isprintable())[:_LONGEST_DESCRIPTION]
        detail = f"{error}: {said}" if said else error
        super().__init__("The identity provider did not sign you in.", detail=detail)


class ProviderUnusableError(UpstreamError):
    """The provider's own documents, or its answers, cannot be used."""

    code = "oidc_provider_unusable"

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"The identity provider cannot be used: {problem}.",
            detail="Try again, or ask an admin to check the deployment's OpenID Connect settings.",
        )


class InvalidIDTokenError(UpstreamError):
    """The ID token proves nothing (OIDC Core section 3.1.3.7)."""

    code = "oidc_id_token_invalid"

    def __init__(self, problem: str) -> None:
        super().__init__(f"The identity provider's answer cannot be trusted: {problem}.")


class UnknownKeyError(InvalidIDTokenError):
    """The ID token is signed with a key that the provider has not published, as far as we know."""

    def __init__(self) -> None:
        super().__init__("it is signed with a key that the provider does not publish")


class EmailNotVerifiedError(ForbiddenError):
    """The provider does not vouch for an e-mail address, by which people are known here."""

    code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__(
            "The identity provider does not confirm your e-mail address, and without one "
            "Ciborium cannot tell who you are here. Verify it there, then sign in again."
        )


class EmailDomainError(ForbiddenError):
    """People with such addresses may not sign in."""

    code = "email_domain_not_allowed"

    def __init__(self) -> None:
        super().__init__("Addresses of this e-mail domain may not sign in here.")


class SignUpDisabledError(ForbiddenError):
    """There is no such user, and signing in makes none."""

    code = "sign_up_disabled"

    def __init__(self) -> None:
        super().__init__("You have no account here yet. Ask an admin to add you.")
