"""Files in the chats table.

FILE#<id>           / meta         a file that is there as a whole
FILE#<id>#<3 digits> / chunk       a sealed piece of one
FILES#OWNER#<user>  / <id>         that a user has a file
FILES#ORG#<id>      / <id>         that an organisation has a file
FILES#LOOSE         / <time>#<id>  that there may be chunks to which no file leads: not yet, or not
                                   any more

Each chunk has a partition of its own, since one takes only 1000 write units a second, and a large
image needs four thousand.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.audit import AuditRepository, NewEvent
from chalicelib.errors import CiboriumError
from chalicelib.files.errors import ChatFileNotFoundError, UploadAbandonedError
from chalicelib.files.models import ChatFile
from chalicelib.identity.repository import IdentityRepository
from chalicelib.organizations.repository import OrganizationRepository
from chalicelib.storage import Database, Item, StorageUnavailableError, UTCDateTime, time_key
from chalicelib.storage.conditions import refusal_ignored, refused_as

_META, _CHUNK, _LOOSE = "meta", "chunk", "FILES#LOOSE"
_MOST_REMOVED_AT_ONCE = 40  # With a dozen deletes each: a few seconds of the 29 of a request.


class FileItem(Item):
    """A file."""

    file_id = UnicodeAttribute()
    owner_id = UnicodeAttribute()
    organization_id = UnicodeAttribute()
    media_type = UnicodeAttribute()
    size = NumberAttribute()
    chunks = NumberAttribute()
    created_at = UTCDateTime()


class ChunkItem(Item):
    """A piece of a file."""

    chunk = BinaryAttribute(legacy_encoding=False)


class LooseItem(Item):
    """Chunks to which no file leads."""

    file_id = UnicodeAttribute()
    chunks = NumberAttribute()
    is_abandoned = BooleanAttribute()


class FileRepository:
    """Stores files; never sees one in the clear."""

    def __init__(
        self,
        database: Database,
        audit: AuditRepository,
        identity: IdentityRepository,
        organizations: OrganizationRepository,
    ) -> None:
        self._database = database
        self._audit = audit
        self._identity = identity
        self._organizations = organizations
        self._files = database.bind(FileItem, "chats")
        self._chunks = database.bind(ChunkItem, "chats")
        self._loose = database.bind(LooseItem, "chats")
        self._places = database.bind(Item, "chats")

    def add(self, file: ChatFile, chunks: Sequence[bytes], event: NewEvent) -> None:
        """Store a file: its chunks one by one, and then, all at once, that it is there.

        Raises:
            InvalidTokenError, NotAMemberError: the owner has been suspended or deleted, or has
                left the organisation, meanwhile.
            UploadAbandonedError: it took more than an hour.
        """
        loose = self._loose_item(file, is_abandoned=False)
        # The id is fresh, so what is there already is our own earlier attempt's, here and below.
        with refusal_ignored():
            loose.save(condition=self._loose.absent())
        try:
            for number, chunk in enumerate(chunks):
                item = self._chunks(PK=_chunk_key(file.id, number), SK=_CHUNK, chunk=chunk)
                with refusal_ignored():
                    item.save(condition=self._chunks.absent())
            self._complete(file, loose, event)
        except CiboriumError:
            with suppress(StorageUnavailableError):
                self._remove_chunks(loose)
            raise

    def find(self, file_id: str) -> ChatFile | None:
        """A file by id."""
        item = self._files.find(_key(file_id), _META)
        return None if item is None else _to_file(item)

    def find_all(self, file_ids: Sequence[str]) -> list[ChatFile]:
        """Those of up to a hundred files that there are; one read."""
        keys = [(_key(each), _META) for each in dict.fromkeys(file_ids)]
        return [_to_file(item) for item in self._files.batch_get(keys, consistent_read=True)]

    def find_chunks(self, file: ChatFile) -> list[bytes] | None:
        """A file's sealed chunks, in their order; None if it has just been removed."""
        keys = [_chunk_key(file.id, number) for number in range(file.chunks)]
        items = self._chunks.batch_get([(key, _CHUNK) for key in keys], consistent_read=True)
        found = {item.PK: bytes(item.chunk) for item in items}
        return [found[key] for key in keys] if len(found) == file.chunks else None

    def remove(self, file: ChatFile, event: NewEvent | None = None) -> None:
        """Remove a file: at once for everybody, and then its chunks.

        Raises:
            ChatFileNotFoundError: it is gone already.
        """
        loose = self._loose_item(file, is_abandoned=True)
        transaction = self._database.transaction()
        if event is not None:
            self._audit.record(transaction, event)
        item = self._files(_key(file.id), _META)
        transaction.delete(item, self._files.present(), ChatFileNotFoundError())
        for key in (_owner_key(file.owner_id), _organization_key(file.organization_id)):
            place = self._places(key, file.id)
            transaction.delete(place, self._places.present(), ChatFileNotFoundError())
        transaction.put(loose, self._loose.absent(), ChatFileNotFoundError())
        transaction.commit()
        with suppress(StorageUnavailableError):  # `remove_loose` will do it.
            self._remove_chunks(loose)

    def remove_all_of(self, owner_id: str) -> bool:
        """Remove a deleted user's files; that they were deleted is recorded.

        Returns:
            Whether nothing is left; otherwise it is to be repeated.
        """
        return self._remove_all(_owner_key(owner_id))

    def remove_all_in(self, organization_id: str) -> bool:
        """Remove a deleted organisation's files; implements `organizations.ports.Files`."""
        return self._remove_all(_organization_key(organization_id))

    def remove_loose(self, before: datetime) -> int:
        """Remove chunks that have had no file since a time; returns of how many files."""
        found = list(
            self._loose.query(
                _LOOSE,
                self._loose.SK < time_key(before),  # noqa: SIM300
                consistent_read=True,
                limit=_MOST_REMOVED_AT_ONCE,
            )
        )
        for item in found:
            self._remove_chunks(item)
        return len(found)

    def _complete(self, file: ChatFile, loose: LooseItem, event: NewEvent) -> None:
        transaction = self._audit.transaction(event)
        self._identity.require_active(transaction, file.owner_id)
        self._organizations.require_member(transaction, file.organization_id, file.owner_id)
        transaction.put(self._to_item(file), self._files.absent(), UploadAbandonedError())
        for key in (_owner_key(file.owner_id), _organization_key(file.organization_id)):
            place = self._places(key, file.id)
            transaction.put(place, self._places.absent(), UploadAbandonedError())
        is_wanted = self._loose.is_abandoned == False  # noqa: E712 -- a condition
        transaction.delete(loose, is_wanted, UploadAbandonedError())
        transaction.commit()

    def _remove_chunks(self, loose: LooseItem) -> None:
        """Remove chunks to which no file leads, unless one does by now: also if we don't know."""
        try:
            # From here on, no upload can be completed with them.
            with refused_as(UploadAbandonedError()):
                loose.update(
                    actions=[self._loose.is_abandoned.set(True)], condition=self._loose.present()
                )
        except UploadAbandonedError:
            return  # The file is complete, or somebody else has removed them.
        for number in range(int(loose.chunks)):
            # Each alone: together they may be over the 4 MB of a transaction.
            chunk = self._chunks(_chunk_key(loose.file_id, number), _CHUNK)
            chunk.delete(condition=self._chunks.present() | self._chunks.absent())
        with refusal_ignored():
            loose.delete(condition=self._loose.present())

    def _remove_all(self, key: str) -> bool:
        most = _MOST_REMOVED_AT_ONCE
        places = list(self._places.query(key, consistent_read=True, limit=most + 1))
        for file in self.find_all([place.SK for place in places[:most]]) if places else ():
            with suppress(ChatFileNotFoundError):  # Its owner was quicker.
                self.remove(file)
        return len(places) <= most

    def _loose_item(self, file: ChatFile, *, is_abandoned: bool) -> LooseItem:
        return self._loose(
            PK=_LOOSE,
            SK=f"{time_key(file.created_at)}#{file.id}",
            file_id=file.id,
            chunks=file.chunks,
            is_abandoned=is_abandoned,
        )

    def _to_item(self, file: ChatFile) -> FileItem:
        return self._files(
            PK=_key(file.id),
            SK=_META,
            file_id=file.id,
            owner_id=file.owner_id,
            organization_id=file.organization_id,
            media_type=file.media_type,
            size=file.size,
            chunks=file.chunks,
            created_at=file.created_at,
        )


def _key(file_id: str) -> str:
    return f"FILE#{file_id}"


def _chunk_key(file_id: str, number: int) -> str:
    return f"FILE#{file_id}#{number:03d}"


def _owner_key(user_id: str) -> str:
    return f"FILES#OWNER#{user_id}"


def _organization_key(organization_id: str) -> str:
    return f"FILES#ORG#{organization_id}"


def _to_file(item: FileItem) -> ChatFile:
    return ChatFile(
        id=item.file_id,
        owner_id=item.owner_id,
        organization_id=item.organization_id,
        media_type=item.media_type,
        size=int(item.size),
        chunks=int(item.chunks),
        created_at=item.created_at,
    )
