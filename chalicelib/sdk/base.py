"""What all wire types share."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints


class Request(BaseModel):
    """Something that a client sends: unknown members are ignored, wrong types refused."""

    model_config = ConfigDict(
        extra="ignore", strict=True, str_strip_whitespace=True, hide_input_in_errors=True
    )


class Reply(BaseModel):
    """Something that the server answers."""

    model_config = ConfigDict(extra="ignore")


Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Slug = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
"""Lower-case letters and digits in groups joined by single hyphens."""
