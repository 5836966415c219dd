"""Changes of access lists."""

from typing import Annotated

from pydantic import AfterValidator, Field

from ..mcp_access import AccessRole
from .base import Request, check_id


def _check_roles(roles: dict[str, AccessRole]) -> dict[str, AccessRole]:
    checked = {check_id(id_): role for id_, role in roles.items()}
    if len(checked) != len(roles):
        raise ValueError("must not name an id twice, in capitals or not")
    return checked


Roles = Annotated[dict[str, AccessRole], Field(max_length=100), AfterValidator(_check_roles)]


class UpdateMCPServerACLRequest(Request):
    """Changes to an access list, by the ids of users and groups; who is not named stays."""

    user_roles: Roles | None = None
    group_roles: Roles | None = None
