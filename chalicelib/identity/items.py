"""The items of the identity table; `records.py` says what is in them, `repository.py` when."""

from typing import Any

from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)

from chalicelib.storage import Item, UTCDateTime, VersionedItem


class AccountItem(VersionedItem):
    """An account."""

    user_id = UnicodeAttribute()
    email = UnicodeAttribute()
    username = UnicodeAttribute()
    name = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    status = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    tokens: JSONAttribute = JSONAttribute()
    issuer = UnicodeAttribute(null=True)
    subject = UnicodeAttribute(null=True)


class DirectoryItem(Item):
    """A user as the directory lists them."""

    user_id = UnicodeAttribute()
    email = UnicodeAttribute()
    username = UnicodeAttribute()
    name = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    status = UnicodeAttribute()
    created_at = UTCDateTime()
    updated_at = UTCDateTime()
    search = UnicodeAttribute()


class GuardItem(Item):
    """Holds a name for one user."""

    user_id = UnicodeAttribute()


class CredentialItem(Item):
    """A token, with what authentication needs of its user."""

    token_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    name = UnicodeAttribute()
    scopes: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    parent_id = UnicodeAttribute()
    user_id = UnicodeAttribute()
    username = UnicodeAttribute()
    roles: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    created_at = UTCDateTime()
    expires_at = TTLAttribute()
    last_used_at = UTCDateTime(null=True)


class OwnersItem(Item):
    """The active owners; DynamoDB keeps no empty set, and neither may we."""

    user_ids = UnicodeSetAttribute()
