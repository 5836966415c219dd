"""Entity tags and preconditions (RFC 9110 sections 8.8.3 and 13.1.1) over versions that count."""

import re

from chalicelib.errors import InvalidInputError, Validation

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_VERSION = re.compile(r'(?<![^\s,])"([1-9][0-9]{0,15})"')


class InvalidPreconditionError(InvalidInputError):
    """`If-Match` is neither `*` nor a list of entity tags."""

    code = "invalid_if_match"

    def __init__(self) -> None:
        super().__init__(
            "The If-Match header is malformed.",
            detail="Send the ETag of the answer that you read, with its quotation marks, or *.",
            validations=[Validation("If-Match", "must be * or entity tags in quotation marks")],
        )


def build_etag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def parse_if_match(header: str) -> frozenset[int] | None:
    """The versions that a request may change; None if any.

    The comparison is strong, so a weak tag stands for no version; nor does a tag that is not ours.

    Raises:
        InvalidPreconditionError: the header is malformed.
    """
    text = header.strip()
    if text in {"", "*"}:
        return None
    if not _TAGS.fullmatch(text):
        raise InvalidPreconditionError
    return frozenset(int(version) for version in _VERSION.findall(text))
