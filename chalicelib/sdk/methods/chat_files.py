"""Images for chats."""

from ..chats import UploadChatFileResponse
from ..connection import segment
from .base import Methods

_FILES = "/api/experimental/chats/files"


class ChatFileMethods(Methods):
    """The caller's images; nobody has another's."""

    def upload_chat_file(
        self, organization_id: str, data: bytes, media_type: str = "application/octet-stream"
    ) -> UploadChatFileResponse:
        """Keep a PNG, JPEG, GIF or WebP image of at most 4 MiB, to show it in a message."""
        query = {"organization": organization_id}
        return self._connection.create_bytes(
            UploadChatFileResponse, _FILES, data, media_type, query
        )

    def get_chat_file(self, file_id: str) -> tuple[bytes, str]:
        """An image, and its media type."""
        # API Gateway sends bytes only to those who name an image's type first.
        headers = {"Accept": "image/png, image/jpeg, image/gif, image/webp"}
        answer = self._connection.send("GET", _file(file_id), headers=headers)
        return answer.content, answer.headers.get("Content-Type", "")

    def delete_chat_file(self, file_id: str) -> None:
        """Remove an image; messages that show it stay, without it."""
        self._connection.delete(_file(file_id))


def _file(file_id: str) -> str:
    return f"{_FILES}/{segment(file_id)}"
