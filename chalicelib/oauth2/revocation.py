"""Token revocation (RFC 7009)."""

from chalicelib.egress import Deadline, Egress, EgressResponse
from chalicelib.oauth2.client_authentication import BUDGET_SECONDS, post_form
from chalicelib.oauth2.documents import describe_refusal, find_error_code
from chalicelib.oauth2.errors import RevocationError
from chalicelib.oauth2.models import ClientCredentials

_UNSUPPORTED = "unsupported_token_type"
# RFC 6749 section 5.2 and RFC 7009 section 2.2.1.
_KNOWN_ERRORS = frozenset(
    (_UNSUPPORTED, "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client")
)


def revoke_token(
    egress: Egress,
    client: ClientCredentials,
    *,
    revocation_endpoint: str,
    access_token: str,
    refresh_token: str,
) -> None:
    """Revoke a grant's tokens within ten seconds.

    The refresh token goes first, because the access token dies with it (RFC 7009 section 2.1).
    The access token follows only if the server does not revoke refresh tokens.

    Args:
        egress: the way out.
        client: how to authenticate.
        revocation_endpoint: where.
        access_token: never empty.
        refresh_token: empty if there is none.

    Raises:
        RevocationError: the server did not confirm.
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: it could
            not be asked.
    """
    budget = Deadline(BUDGET_SECONDS)  # Both requests share it.

    def revoke(token: str, hint: str) -> EgressResponse:
        form = {"token": token, "token_type_hint": hint}
        return post_form(egress, client, revocation_endpoint, form, budget=budget)

    if refresh_token:
        response = revoke(refresh_token, "refresh_token")
        if find_error_code(response, _KNOWN_ERRORS) == _UNSUPPORTED:
            response = revoke(access_token, "access_token")
    else:
        response = revoke(access_token, "access_token")
    if response.status not in {200, 204}:
        refusal = describe_refusal(response, _KNOWN_ERRORS)
        raise RevocationError(f"the server answered {refusal}")
