"""People, organisations and groups, managed through the SDK."""

import pytest

from chalicelib.sdk import ConflictError
from chalicelib.sdk.requests.groups import CreateGroupRequest, UpdateGroupRequest
from chalicelib.sdk.requests.identity import CreateUserRequest, UpdateUserRequest
from chalicelib.sdk.requests.organizations import (
    CreateOrganizationRequest,
    MemberRolesRequest,
    UpdateOrganizationRequest,
)
from chalicelib.sdk.requests.workspaces import CreateWorkspaceRequest, UpdateWorkspaceRequest
from tests.support.deployment import Deployment
from tests.support.sdk import sdk_client


def test_people_are_managed_and_deleted_with_all_that_they_have(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        for name in ("ann", "bo", "cy"):
            admin.create_user(CreateUserRequest(email=f"{name}@example.com", username=name))
        for page_size in (1, 3, 100):
            found = admin.iter_users(page_size=page_size)
            assert [each.username for each in found] == ["admin", "ann", "bo", "cy"]
        (ann,) = admin.iter_users(search="ann")
        assert admin.update_user(ann.id, UpdateUserRequest(name="Ann")).name == "Ann"
        assert admin.suspend_user(ann.id).status == "suspended"
        assert [each.username for each in admin.iter_users(status="suspended")] == ["ann"]
        assert admin.activate_user(ann.id).status == "active"
        token = admin.create_token(ann.id)
        assert [each.id for each in admin.list_tokens(ann.id)] == [token.id]
        assert admin.get_token(token.id, ann.id).kind == "api"
        admin.revoke_token(token.id, ann.id)
        assert admin.list_tokens(ann.id) == []
        admin.delete_user(ann.id)
        assert "ann" not in {each.username for each in admin.iter_users()}


def test_organisations_have_groups(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        club = admin.create_organization(CreateOrganizationRequest(name="club"))
        bo = admin.create_user(CreateUserRequest(email="bo@example.com", username="bo"))
        admin.add_organization_member(club.id, bo.id)
        roles = MemberRolesRequest(roles=["organization-admin"])
        assert "organization-admin" in {
            each.name for each in admin.set_organization_member_roles(club.id, bo.id, roles).roles
        }
        board = admin.create_group(club.id, CreateGroupRequest(name="board"))
        admin.add_group_member(club.id, board.id, bo.id)
        members = list(admin.iter_group_members(club.id, board.id))
        assert [each.username for each in members] == ["bo"]
        assert admin.list_group_members(club.id, board.id, limit=1) == members
        admin.remove_group_member(club.id, board.id, bo.id)
        assert list(admin.iter_group_members(club.id, board.id)) == []
        renamed = admin.update_group(club.id, board.id, UpdateGroupRequest(name="council"))
        assert admin.get_group(club.id, board.id) == renamed
        assert {each.name for each in admin.list_groups(club.id)} >= {"council"}
        admin.delete_group(club.id, board.id)
        admin.remove_organization_member(club.id, bo.id)
        changed = admin.update_organization(club.id, UpdateOrganizationRequest(name="society"))
        assert changed.name == "society"
        admin.delete_organization(club.id)
        assert "society" not in {each.name for each in admin.list_organizations()}


def test_organisations_have_workspaces(deployment: Deployment) -> None:
    with sdk_client(deployment) as admin:
        club = admin.create_organization(CreateOrganizationRequest(name="club")).id
        made = [
            admin.create_workspace(club, CreateWorkspaceRequest(name=name))
            for name in ("Atlas", "Globe", "Map")
        ]
        for page_size in (1, 3, 100):
            found = list(admin.iter_workspaces(club, page_size=page_size))
            assert [each.id for each in found] == sorted(each.id for each in made)
        assert admin.list_workspaces(club, limit=1, after_id=found[0].id) == found[1:2]
        read = admin.get_workspace(club, made[0].id)
        brief = UpdateWorkspaceRequest(instructions="Be brief.")
        changed = admin.update_workspace(club, read.id, brief, etag=read.etag)
        assert (changed.instructions, changed.owner_username) == ("Be brief.", "admin")
        for late in (
            lambda: admin.update_workspace(
                club, read.id, UpdateWorkspaceRequest(name="Late"), etag=read.etag
            ),
            lambda: admin.delete_workspace(club, read.id, etag=read.etag),
        ):
            with pytest.raises(ConflictError):
                late()
        admin.delete_workspace(club, read.id, etag=changed.etag)
        assert [each.name for each in made[1:]] == sorted(
            each.name for each in admin.iter_workspaces(club)
        )
