"""What a view answers, before the web framework sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from chalicelib.sdk.system import Message


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, body as text (or an image), headers, and whole `Set-Cookie` values."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    image: bytes = b""


def json_reply(body: BaseModel | Sequence[BaseModel], status: int = 200) -> Reply:
    """A wire type, or several as an array, as JSON."""
    if isinstance(body, BaseModel):
        return Reply(status, body.model_dump_json(exclude_none=True))
    items = ",".join(item.model_dump_json(exclude_none=True) for item in body)
    return Reply(status, f"[{items}]")


def message_reply(message: str) -> Reply:
    """A plain confirmation."""
    return json_reply(Message(message=message))


def redirect_reply(status: int, location: str, cookies: tuple[str, ...] = ()) -> Reply:
    """A redirect; `location` is built by us and holds no line break."""
    return Reply(status, "", "text/plain", {"Location": location}, cookies)
