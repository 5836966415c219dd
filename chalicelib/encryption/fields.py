"""The one list of everything that is sealed; key rotation visits the stored ones."""

from chalicelib.encryption.models import SealedField

SERVER_CLIENT_SECRET = SealedField("servers", "oauth2_client_secret")
SERVER_REGISTRATION_TOKEN = SealedField("servers", "oauth2_registration_token")
SERVER_API_KEY = SealedField("servers", "api_key_value")
SERVER_CUSTOM_HEADERS = SealedField("servers", "custom_headers")
CONNECTION_ACCESS_TOKEN = SealedField("connections", "access_token")
CONNECTION_REFRESH_TOKEN = SealedField("connections", "refresh_token")
CONNECTION_USER_HEADERS = SealedField("connections", "user_headers")
IDEMPOTENT_ANSWER = SealedField("idempotency", "answer")
LOGIN_ACCESS_TOKEN = SealedField("identity", "access_token")
LOGIN_REFRESH_TOKEN = SealedField("identity", "refresh_token")
PROVIDER_API_KEY = SealedField("models", "api_key")
CHAT_FILE_CHUNK = SealedField("chats", "chunk")
LOGIN_FLOW = SealedField("cookies", "oidc_flow", stored=False)
AUTHORIZATION_FLOW = SealedField("cookies", "mcp_oauth2_verifier", stored=False)
AUDIT_CURSOR = SealedField("cursors", "audit", stored=False)

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
