"""Usage limits as the audit log describes them."""

from chalicelib.audit import Action, NewEvent, ObjectType, Snapshot, diff
from chalicelib.identity.models import Actor
from chalicelib.usage.models import DeploymentLimits, GroupLimit, Limit

EVERYBODY = "everybody"


def describe_limit(limit: Limit | GroupLimit | DeploymentLimits | None) -> Snapshot:
    """A limit by its name in the API; that there is none, and any amount may be spent, is said."""
    if limit is None:
        return {}
    micros = limit.spend_limit_micros
    return {"spend_limit_micros": "unlimited" if micros is None else micros}


def did_to_limit(
    actor: Actor,
    object_id: str,
    before: Limit | GroupLimit | DeploymentLimits | None,
    after: Limit | GroupLimit | DeploymentLimits | None,
) -> NewEvent:
    """What an actor does to the limit of a user, a group, or everybody."""
    action = Action.UPDATE
    if before is None:
        action = Action.CREATE
    elif after is None:
        action = Action.DELETE
    changes = diff(describe_limit(before), describe_limit(after))
    return actor.did(action, ObjectType.CHAT_USAGE_LIMIT, object_id, changes)
