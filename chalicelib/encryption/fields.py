"""The one list of everything that is sealed; key rotation visits the stored ones.

To open a value, one must know where it lives, and re-sealing knows no feature. So each stored field
comes with the way from its row to the ids in its `Place`, which its feature builds otherwise: a
test re-seals all of them and opens them through the API.
"""

from chalicelib.encryption.models import FindRow, Row, SealedField


def _text(row: Row, name: str) -> str:
    return str(row[name]["S"])


def _of_server(row: Row, _: FindRow) -> tuple[str, str]:
    return _text(row, "server_id"), ""


def _of_connection(row: Row, _: FindRow) -> tuple[str, str]:
    return _text(row, "server_id"), _text(row, "user_id")


def _of_request(row: Row, _: FindRow) -> tuple[str, str]:
    return _text(row, "PK").removeprefix("REQUEST#"), _text(row, "user_id")


def _of_user(row: Row, _: FindRow) -> tuple[str, str]:
    user_id = _text(row, "PK").removeprefix("USER#")
    return user_id, user_id


def _of_provider(row: Row, _: FindRow) -> tuple[str, str]:
    return _text(row, "provider_id"), ""


def _of_file(row: Row, find: FindRow) -> tuple[str, str] | None:
    """A chunk tells its number only; an upload that is under way has no file to tell the rest."""
    file_key, _, number = _text(row, "PK").rpartition("#")
    file = find(file_key, "meta")
    if file is None:
        return None
    parts = (_text(file, "file_id"), int(number), file["chunks"]["N"], _text(file, "media_type"))
    return "#".join(map(str, parts)), _text(file, "owner_id")


SERVER_CLIENT_SECRET = SealedField("servers", "oauth2_client_secret", _of_server)
SERVER_REGISTRATION_TOKEN = SealedField("servers", "oauth2_registration_token", _of_server)
SERVER_API_KEY = SealedField("servers", "api_key_value", _of_server)
SERVER_CUSTOM_HEADERS = SealedField("servers", "custom_headers", _of_server)
CONNECTION_ACCESS_TOKEN = SealedField("connections", "access_token", _of_connection)
CONNECTION_REFRESH_TOKEN = SealedField("connections", "refresh_token", _of_connection)
CONNECTION_USER_HEADERS = SealedField("connections", "user_headers", _of_connection)
IDEMPOTENT_ANSWER = SealedField("idempotency", "answer", _of_request)
LOGIN_ACCESS_TOKEN = SealedField("identity", "access_token", _of_user)
LOGIN_REFRESH_TOKEN = SealedField("identity", "refresh_token", _of_user)
PROVIDER_API_KEY = SealedField("models", "api_key", _of_provider)
CHAT_FILE_CHUNK = SealedField("chats", "chunk", _of_file)
LOGIN_FLOW = SealedField("cookies", "oidc_flow")
AUTHORIZATION_FLOW = SealedField("cookies", "mcp_oauth2_verifier")
AUDIT_CURSOR = SealedField("cursors", "audit")

SEALED_FIELDS = (
    SERVER_CLIENT_SECRET,
    SERVER_REGISTRATION_TOKEN,
    SERVER_API_KEY,
    SERVER_CUSTOM_HEADERS,
    CONNECTION_ACCESS_TOKEN,
    CONNECTION_REFRESH_TOKEN,
    CONNECTION_USER_HEADERS,
    IDEMPOTENT_ANSWER,
    LOGIN_ACCESS_TOKEN,
    LOGIN_REFRESH_TOKEN,
    PROVIDER_API_KEY,
    CHAT_FILE_CHUNK,
    LOGIN_FLOW,
    AUTHORIZATION_FLOW,
    AUDIT_CURSOR,
)
