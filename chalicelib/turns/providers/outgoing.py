from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request as it is sent, always by POST."""

    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
