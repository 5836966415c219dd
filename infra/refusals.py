"""What API Gateway answers by itself, in our error body.

They are part of the API's definition, so that they come into force with it: resources of their own
would wait for the next deployment. None has CORS headers, like all our answers: only our own pages
may read them. The types are those of
https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html.
"""

import json
from dataclasses import dataclass

from infra.cloudformation import Template

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Refusal:
    """One answer; `status` 0 leaves API Gateway's own, `retry_after` 0 says nothing of it."""

    kind: str
    status: int
    code: str
    message: str
    retry_after: int = 0


_TOO_MUCH = "Too much at once. Try again after the seconds that Retry-After says."
REFUSALS = (
    Refusal("MISSING_AUTHENTICATION_TOKEN", 404, "not_found", "There is nothing at this path."),
    Refusal("BAD_REQUEST_BODY", 400, "invalid_body", "The body is not what its type says."),
    Refusal(
        "REQUEST_TOO_LARGE",
        413,
        "body_too_large",
        "The body is too large: nothing over 10 MB gets here.",
    ),
    Refusal(
        "UNSUPPORTED_MEDIA_TYPE",
        415,
        "unsupported_media_type",
        "Send JSON, with Content-Type: application/json.",
    ),
    Refusal("THROTTLED", 429, "rate_limited", _TOO_MUCH, retry_after=1),
    Refusal("QUOTA_EXCEEDED", 429, "rate_limited", _TOO_MUCH, retry_after=60),
    Refusal(
        "WAF_FILTERED",
        403,
        "refused_by_firewall",
        "The firewall refused the request. Ask whoever runs Ciborium, with the request_id.",
    ),
    Refusal(
        "INTEGRATION_TIMEOUT",
        504,
        "timeout",
        "This took too long and was given up. See whether it was done before you try again.",
    ),
    Refusal(
        "INTEGRATION_FAILURE",
        503,
        "unavailable",
        "Ciborium cannot be reached. Try again.",
        retry_after=1,
    ),
    Refusal("DEFAULT_4XX", 0, "refused", "The request was refused."),
    Refusal("DEFAULT_5XX", 0, "internal", "Something went wrong on our side. Try again."),
)


def gateway_responses() -> Template:
    """They as the member `x-amazon-apigateway-gateway-responses` of an API's definition."""
    return {each.kind: _response(each) for each in REFUSALS}


def _response(refusal: Refusal) -> Template:
    body = {
        "message": refusal.message,
        "code": refusal.code,
        "request_id": "$context.requestId",
    }
    headers = dict(_HEADERS)
    if refusal.retry_after:
        headers["Retry-After"] = str(refusal.retry_after)
    response: Template = {
        "responseParameters": {
            f"gatewayresponse.header.{name}": f"'{value}'" for name, value in headers.items()
        },
        "responseTemplates": {"application/json": json.dumps(body)},
    }
    if refusal.status:
        response["statusCode"] = str(refusal.status)
    return response
