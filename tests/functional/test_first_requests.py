"""What a fresh process loads to answer what people look at first: counted, since times vary."""

import pytest

from tests.support import aws
from tests.support.aws_endpoint import serving_aws
from tests.support.deployment import ADMIN_TOKEN, Deployment
from tests.support.first_request import make_first_request

# Pydantic reads what was sent, cryptography what is sealed, httpx goes out: none of that happens.
UNNEEDED = {"pydantic", "cryptography", "httpx", "joserfc", "anyio", "boto3", "mcp"}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v2/users/{user_id}",
        "/api/v2/organizations",
        "/api/experimental/mcp/servers",
        "/api/experimental/chats",
        "/api/experimental/chats/models",
        "/api/experimental/chats/usage-limits/status",
        "/api/v2/audit",
    ],
)
def test_what_only_tells_something_loads_neither_pydantic_nor_cryptography(
    deployment: Deployment, path: str
) -> None:
    parameters = {"user_id": "me"} if "{" in path else {}
    with serving_aws() as endpoint:
        variables = {"CIBORIUM_STAGE": aws.STAGE, "AWS_ENDPOINT_URL": endpoint.url}
        request = make_first_request(path, variables, parameters, ADMIN_TOKEN)
    assert request.status == 200
    assert not request.packages & UNNEEDED
