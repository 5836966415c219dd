"""How our client authenticates at an authorization server (RFC 6749 section 2.3)."""

import base64
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

from chalicelib.egress import Egress, EgressResponse
from chalicelib.oauth2.models import CLIENT_SECRET_BASIC, CLIENT_SECRET_POST, ClientCredentials

BUDGET_SECONDS = 10.0
_MAX_BYTES = 128 * 1024


def post_form(
    egress: Egress,
    client: ClientCredentials,
    endpoint: str,
    form: Mapping[str, str],
    *,
    budget: float = BUDGET_SECONDS,
) -> EgressResponse:
    """Post a form with the client's authentication, in exactly one way.

    The client's id goes into the body only where the header does not carry it: servers refuse a
    request that seems to authenticate twice.

    Raises:
        EgressRefusedError, EgressConnectionError, EgressTimeoutError, EgressResponseError: the
            server could not be asked.
    """
    body = dict(form)
    headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
    if client.token_endpoint_auth_method == CLIENT_SECRET_BASIC:
        pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        body["client_id"] = client.client_id
        if client.token_endpoint_auth_method == CLIENT_SECRET_POST:
            body["client_secret"] = client.client_secret
    return egress.request(
        "POST",
        endpoint,
        headers=headers,
        content=urlencode(body).encode(),
        budget=budget,
        max_bytes=_MAX_BYTES,
        credentials=True,
    )
