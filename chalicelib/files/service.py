"""Images for chats: uploaded, shown to their owner, given to the model, removed."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from chalicelib.audit import Action, NewEvent, ObjectType, diff
from chalicelib.audit.models import Diff
from chalicelib.encryption import Place, Vault, organization_scope
from chalicelib.encryption.fields import CHAT_FILE_CHUNK
from chalicelib.files.errors import ChatFileNotFoundError, InvalidChatFileError
from chalicelib.files.models import ChatFile
from chalicelib.files.repository import FileRepository
from chalicelib.identity.models import Actor
from chalicelib.images import IMAGE_TYPES, find_image_type
from chalicelib.organizations.service import OrganizationService
from chalicelib.primitives import Clock, new_id, parse_id

_CHUNK_BYTES = 384 * 1024  # An item holds 400 KB, with its names and what sealing adds.
_UNKNOWN_TYPE = "application/octet-stream"
_LEFT_ALONE_FOR = timedelta(hours=1)  # Much longer than an upload can take.


class FileService:
    """Keeps people's images; lives as long as the container.

    Nobody sees another's file, admins included. A file is there until its owner deletes it, or goes
    themselves, or its organisation does.
    """

    def __init__(
        self,
        repository: FileRepository,
        organizations: OrganizationService,
        vault: Vault,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._organizations = organizations
        self._vault = vault
        self._clock = clock

    def upload(self, actor: Actor, organization_id: str, media_type: str, data: bytes) -> ChatFile:
        """Keep an image for the actor's chats in one of their organisations.

        Args:
            actor: whose it is.
            organization_id: in whose chats it may be used.
            media_type: what the image is called; `application/octet-stream` says nothing.
            data: the image.

        Raises:
            NotAMemberError: the actor is not in the organisation.
            InvalidChatFileError: it is no image, or another than it is called.
            EncryptionUnavailableError: the organisation's data key is not to be had.
        """
        membership = self._organizations.require_member(actor, organization_id)
        file = ChatFile(
            id=new_id(),
            owner_id=actor.user_id,
            organization_id=membership.organization_id,
            media_type=_check_type(media_type, data),
            size=len(data),
            chunks=-(-len(data) // _CHUNK_BYTES),
            created_at=self._clock(),
        )
        event = _did(actor, Action.CREATE, file, diff({}, _describe(file)))
        self._repository.add(file, self._seal(file, data), event)
        return file

    def require_own(self, actor: Actor, file_id: str) -> ChatFile:
        """One of the actor's files, without the image.

        Raises:
            ChatFileNotFoundError: there is none, or it is somebody else's.
        """
        parsed = parse_id(file_id)
        file = None if parsed is None else self._repository.find(parsed)
        if file is None or file.owner_id != actor.user_id:
            raise ChatFileNotFoundError
        return file

    def load(self, file: ChatFile) -> bytes:
        """The image itself.

        Raises:
            ChatFileNotFoundError: it has just been removed.
            SealedValueError: what is stored is not what was.
            EncryptionUnavailableError: the organisation's data key is not to be had.
        """
        data = self._open(file)
        if data is None:
            raise ChatFileNotFoundError
        return data

    def read(self, owner_id: str, organization_id: str, file_id: str) -> tuple[str, bytes] | None:
        """A file's media type and image, for a turn in its owner's chat; None if it is gone.

        Raises:
            SealedValueError: what is stored is not what was.
            EncryptionUnavailableError: the organisation's data key is not to be had.
        """
        parsed = parse_id(file_id)
        file = None if parsed is None else self._repository.find(parsed)
        if file is None or (file.owner_id, file.organization_id) != (owner_id, organization_id):
            return None
        data = self._open(file)
        return None if data is None else (file.media_type, data)

    def find_media_types(
        self, actor: Actor, organization_id: str, file_ids: Sequence[str]
    ) -> Mapping[str, str]:
        """The types of the actor's own files in an organisation; implements `chats.ports.Files`.

        They stand under the ids as they were asked for.
        """
        parsed = {file_id: parse_id(file_id) for file_id in file_ids}
        known = [file_id for file_id in parsed.values() if file_id is not None]
        types = {
            file.id: file.media_type
            for file in (self._repository.find_all(known) if known else ())
            if (file.owner_id, file.organization_id) == (actor.user_id, organization_id)
        }
        return {asked: types[found] for asked, found in parsed.items() if found in types}

    def delete(self, actor: Actor, file_id: str) -> None:
        """Remove one of the actor's files; messages that show it are without it then.

        Raises:
            ChatFileNotFoundError: there is none, or it is somebody else's.
        """
        file = self.require_own(actor, file_id)
        event = _did(actor, Action.DELETE, file, diff(_describe(file), {}))
        self._repository.remove(file, event)

    def remove_all_of(self, user_id: str) -> bool:
        """Remove a deleted user's files; implements `identity.ports.Belongings`."""
        return self._repository.remove_all_of(user_id)

    def remove_leftovers(self) -> int:
        """Remove what uploads and deletions that stopped half-way have left; returns how many."""
        return self._repository.remove_loose(self._clock() - _LEFT_ALONE_FOR)

    def _seal(self, file: ChatFile, data: bytes) -> list[bytes]:
        scope = organization_scope(file.organization_id)
        pieces = [data[at : at + _CHUNK_BYTES] for at in range(0, len(data), _CHUNK_BYTES)]
        return [
            self._vault.seal_bytes(piece, _place(file, number), scope)
            for number, piece in enumerate(pieces)
        ]

    def _open(self, file: ChatFile) -> bytes | None:
        chunks = self._repository.find_chunks(file)
        if chunks is None:
            return None
        opened = (
            self._vault.open_bytes(chunk, _place(file, number))
            for number, chunk in enumerate(chunks)
        )
        return b"".join(opened)


def _place(file: ChatFile, number: int) -> Place:
    """Where a chunk lives: so none can be left out, exchanged, or called another type."""
    entity_id = f"{file.id}#{number}#{file.chunks}#{file.media_type}"
    return Place(CHAT_FILE_CHUNK, entity_id, file.owner_id)


def _check_type(called: str, data: bytes) -> str:
    if called not in {*IMAGE_TYPES, _UNKNOWN_TYPE}:
        raise InvalidChatFileError("The Content-Type must be an image's.")
    found = find_image_type(data)
    if found is None:
        raise InvalidChatFileError("This is no PNG, JPEG, GIF or WebP image.")
    if called not in {found, _UNKNOWN_TYPE}:
        raise InvalidChatFileError(f"This is {found}, although it is called {called}.")
    return found


def _describe(file: ChatFile) -> dict[str, object]:
    return {"media_type": file.media_type, "size": file.size}


def _did(actor: Actor, action: Action, file: ChatFile, changes: Diff) -> NewEvent:
    return actor.did(
        action,
        ObjectType.CHAT_FILE,
        file.id,
        changes,
        organization_id=file.organization_id,
    )
