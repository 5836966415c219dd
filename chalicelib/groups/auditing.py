"""Groups, and who is in them, as the audit log describes them."""

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.groups.models import Group
from chalicelib.identity.models import Actor


def describe_group(group: Group | None) -> Snapshot:
    """A group's fields, by their names in the API; nothing once it is being deleted."""
    if group is None or group.is_closing:
        return {}
    return {"name": group.name, "display_name": group.display_name}


def did_to_group(actor: Actor, action: Action, before: Group | None, after: Group) -> NewEvent:
    """What an actor does to a group."""
    return actor.did(
        action,
        ObjectType.GROUP,
        after.id,
        diff(describe_group(before), describe_group(after)),
        organization_id=after.organization_id,
    )


def did_to_group_member(actor: Actor, action: Action, group: Group, user_id: str) -> NewEvent:
    """That an actor puts somebody into a group, or takes them out."""
    which = {"group_id": group.id, "group_name": group.name}
    changes = diff(which, {}) if action is Action.DELETE else diff({}, which)
    return actor.did(
        action,
        ObjectType.GROUP_MEMBER,
        user_id,
        changes,
        organization_id=group.organization_id,
    )
