"""Requests about organisations and their members."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Name, Request, Slug


class CreateOrganizationRequest(Request):
    """A new organisation; `display_name` is its `name` when absent."""

    name: Slug
    display_name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=1024)] = ""


class UpdateOrganizationRequest(Request):
    """What is to change; what is absent or null stays."""

    name: Slug | None = None
    display_name: Name | None = None
    description: Annotated[str, StringConstraints(max_length=1024)] | None = None


class MemberRolesRequest(Request):
    """What a member may do; `organization-member` is implied."""

    roles: list[Literal["organization-admin", "organization-member"]] = Field(
        default_factory=list, max_length=2
    )
