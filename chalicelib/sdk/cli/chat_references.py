"""What chats, models, workspaces and organisations are called at the command line."""

import re

from ..chats import Chat
from ..client import Client
from ..organizations import Organization
from .problems import REFUSED, Problem
from .session import get_organization_id, is_id

LAST = "last"
_MOST_WORDS = 10
_PAGE = 100


def get_chat(client: Client, reference: str) -> Chat:
    """A chat by its id or title; `last` is the one that changed last.

    Raises:
        Problem: none of the caller's is called so, or several are.
    """
    if is_id(reference):
        return client.experimental.get_chat(reference)
    if reference == LAST:
        return _get_last(client)
    # A search knows keys such as `status:`; a word with a colon is left for us to compare.
    words = [word for word in reference.split() if ":" not in word][:_MOST_WORDS]
    wanted = _normal(reference)
    found = [
        chat
        for archived in ("false", "true")
        for chat in client.experimental.iter_chats(q=" ".join([*words, f"archived:{archived}"]))
        if _normal(chat.title) == wanted
    ]
    if len(found) > 1:
        raise Problem(f"Several chats are called {reference}; give the id.", REFUSED)
    if not found:
        raise Problem(f"No chat is called {reference}. See `ciborium chats list`.", REFUSED)
    return found[0]


def get_model_id(client: Client, reference: str) -> str:
    """The id of a model that a chat may use, by it or by the model's name.

    Raises:
        Problem: none is called so, or several are.
    """
    if is_id(reference):
        return reference
    models = client.experimental.list_chat_models()
    found = [each.id for each in models if _normal(each.display_name) == _normal(reference)]
    if len(found) == 1:
        return found[0]
    several = "Several models are called" if found else "No model is called"
    raise Problem(f"{several} {reference}. See `ciborium models list`.", REFUSED)


def get_own_organization_id(client: Client, reference: str | None) -> str:
    """The id of an organisation; without a reference, of the one that the caller is in.

    Raises:
        Problem: there is none, or several of which none is the default one.
    """
    if reference:
        return get_organization_id(client, reference)
    own = client.get_user().organization_ids or []
    if len(own) == 1:
        return own[0]
    if not own:
        raise Problem("You are a member of no organization, so you can have no chats.", REFUSED)
    organizations: list[Organization] = client.list_organizations()
    for organization in organizations:
        if organization.is_default and organization.id in own:
            return organization.id
    raise Problem("You are a member of several organizations: say which, with --org.")


def _get_last(client: Client) -> Chat:
    """Pinned chats come first in a list, whatever their age."""
    last: Chat | None = None
    for chat in client.experimental.iter_chats(page_size=_PAGE):
        if last is None or chat.updated_at > last.updated_at:
            last = chat
        if not chat.pin_order:
            break
    if last is None:
        raise Problem('You have no chats yet: start one, `ciborium chat "…"`.', REFUSED)
    return last


def _normal(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip().casefold()
