"""The headers that tell a server for whom and where in Ciborium it is used.

They are no credentials: a server may believe them only of a deployment that it trusts, over a
connection that authenticates it. Our names for `coder-reference.md` 5.3's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

USER_ID = "X-Ciborium-User-Id"
CHAT_ID = "X-Ciborium-Chat-Id"
WORKSPACE_ID = "X-Ciborium-Workspace-Id"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in Ciborium a server is used; a person's own request has neither.

    Attributes:
        chat_id: the chat whose turn uses it.
        workspace_id: the workspace that the chat belongs to.
    """

    chat_id: str = ""
    workspace_id: str = ""


NOWHERE = Origin()


def with_identity(headers: Mapping[str, str], user_id: str, origin: Origin) -> dict[str, str]:
    """The headers together with those of identity; what was there already stays."""
    identity = {USER_ID: user_id, CHAT_ID: origin.chat_id, WORKSPACE_ID: origin.workspace_id}
    taken = {name.lower() for name in headers}
    told = {name: value for name, value in identity.items() if value}
    return {**headers, **{name: told[name] for name in told if name.lower() not in taken}}
