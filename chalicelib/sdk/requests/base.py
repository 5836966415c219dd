"""What all requests share: how they are parsed, and what several of them take."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from ..base import CONTROLS

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Request(BaseModel):
    """Something that a client sends: unknown members are ignored, wrong types refused."""

    model_config = ConfigDict(
        extra="ignore", strict=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


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
