"""What all wire types share."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Request(BaseModel):
    """Something that a client sends: unknown members are ignored, wrong types refused."""

    model_config = ConfigDict(
        extra="ignore", strict=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


class Reply(BaseModel):
    """Something that the server answers."""

    model_config = ConfigDict(extra="ignore")

    # Not a member of the body: the client takes it from the answer's header.
    _etag: str | None = PrivateAttr(default=None)

    @property
    def etag(self) -> str | None:
        """The version that was read (RFC 9110 section 8.8.3), where the deployment tells it."""
        return self._etag

    def with_etag(self, etag: str | None) -> Self:
        """The same, with its version."""
        self._etag = etag
        return self


# C0 and C1 controls, and Unicode's overrides of writing direction (UAX #9): with them a name passes
# for another, or does something to the terminal that shows it.
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def check_line(text: str) -> str:
    """A text that shows as it is.

    Raises:
        ValueError: it holds what no line of text does.
    """
    if CONTROLS.search(text):
        raise ValueError("must not hold control characters or overrides of writing direction")
    return text


ONE_LINE = AfterValidator(check_line)
Name = Annotated[str, StringConstraints(min_length=1, max_length=128), ONE_LINE]
Slug = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case letters and digits in groups joined by single hyphens."""


def check_id(text: str) -> str:
    """A UUID in its canonical lower case.

    Raises:
        ValueError: it is none.
    """
    canonical = text.strip().lower()
    if not _UUID.fullmatch(canonical):
        raise ValueError("must be a UUID")
    return canonical


ID = Annotated[str, AfterValidator(check_id), Field(json_schema_extra={"format": "uuid"})]

KnownID = Annotated[str, Field(json_schema_extra={"format": "uuid"})]
"""A UUID in an answer: it is told, not checked."""
