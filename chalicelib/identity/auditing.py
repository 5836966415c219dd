"""Users and tokens as the audit log describes them; a token's text is not even in the model."""

from chalicelib.audit import Snapshot
from chalicelib.identity.models import Token, User


def describe_user(user: User) -> Snapshot:
    """A user's fields, by their names in the API."""
    return {
        "email": user.email,
        "username": user.username,
        "name": user.name,
        "roles": user.roles,
        "status": user.status,
    }


def describe_token(token: Token) -> Snapshot:
    """A token's or session's fields."""
    return {"token_name": token.name, "user_id": token.user_id, "expires_at": token.expires_at}
