"""JSON documents that other servers send: believed only as far as their model goes."""

from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.egress import EgressResponse
from chalicelib.oauth2.errors import UnusableDocumentError

# Whatever is kept has a limit, so that no server can fill our rows.
Name = Annotated[str, Field(max_length=2048)]
Names = Annotated[list[Annotated[str, Field(max_length=256)]], Field(max_length=500)]
URLs = Annotated[list[Name], Field(max_length=100)]
Secret = Annotated[str, Field(max_length=8192)]


class Document(BaseModel):
    """A JSON object from another server. Its errors must not quote it: it may hold secrets."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _ErrorDocument(Document):
    error: str


DocumentT = TypeVar("DocumentT", bound=Document)


def parse_document(model: type[DocumentT], body: bytes) -> DocumentT:
    """A document by its model.

    Raises:
        UnusableDocumentError: it is not JSON, or a field is missing, too long or of a wrong type.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
        if not first["loc"]:
            problem = "not JSON" if first["type"] == "json_invalid" else "not a JSON object"
            raise UnusableDocumentError(problem) from exc
        problem = "is missing" if first["type"] == "missing" else "is not what it should be"
        raise UnusableDocumentError(f"{first['loc'][0]} {problem}") from exc


def find_error_code(response: EgressResponse, known: frozenset[str]) -> str | None:
    """The `error` of an error response, if it is one that the specification has.

    Others are not repeated: an answer's free text may hold anything, our own secrets included.
    """
    try:
        code = parse_document(_ErrorDocument, response.body).error
    except UnusableDocumentError:
        return None
    return code if code in known else None


def describe_refusal(response: EgressResponse, known: frozenset[str]) -> str:
    """A refusal in the words that may be shown: its status, and its code if we know it."""
    code = find_error_code(response, known)
    return f"HTTP {response.status} ({code})" if code else f"HTTP {response.status}"
