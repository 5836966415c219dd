"""Whether an answer is one that the OpenAPI document tells of."""

import json
import re
from functools import cache
from typing import Any

import httpx
import jsonschema_rs

from chalicelib.api.openapi import build_document
from chalicelib.config import PublicURL

_UNDOCUMENTED = frozenset({405})  # A method that no operation is.


class ContractError(AssertionError):
    """The document and an answer contradict each other."""


@cache
def document() -> dict[str, Any]:
    """The document of the tests' deployments."""
    return build_document(PublicURL("https://ciborium.example", "/prod"))


def check_answer(method: str, path: str, answer: httpx.Response) -> None:
    """Compare an answer with what the document says about its operation.

    Raises:
        ContractError: status, media type, body or headers are not as documented.
    """
    operation = find_operation(method, path.partition("?")[0])
    if operation is None or answer.status_code in _UNDOCUMENTED:
        return
    name = f"{operation['operationId']}: {answer.status_code}"
    response = operation["responses"].get(str(answer.status_code))
    if response is None:
        raise ContractError(f"{name} is not documented: {answer.text[:300]}")
    response = _resolve(response)
    _check_headers(name, operation, response, answer)
    content = response.get("content", {})
    if not answer.content:
        # A page of JSON lines may have none.
        if content.keys() - {"application/x-ndjson"}:
            raise ContractError(f"{name} has no body")
        return
    media_type = answer.headers["content-type"].partition(";")[0]
    if media_type not in content:
        raise ContractError(f"{name} is {media_type}, which is not documented")
    if media_type == "application/json":
        _check_body(name, content[media_type]["schema"], answer)


def find_operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation that a request is for; None if the document has none."""
    for pattern, operations in _patterns():
        if pattern.fullmatch(path):
            return operations.get(method.lower())
    return None


def find_variables(path: str) -> dict[str, str]:
    """What stands in a path for the variables of its pattern."""
    found = (pattern.fullmatch(path) for pattern, _ in _patterns())
    return next((each.groupdict() for each in found if each), {})


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = sorted(document()["paths"].items(), key=lambda each: each[0].count("{"))
    return [
        (re.compile("".join(_to_pattern(part) for part in re.split(r"({\w+})", path))), operations)
        for path, operations in paths
    ]


def _to_pattern(part: str) -> str:
    return f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part)


def _resolve(response: dict[str, Any]) -> dict[str, Any]:
    reference = response.get("$ref", "")
    if not reference:
        return response
    found: dict[str, Any] = document()["components"]["responses"][reference.rpartition("/")[2]]
    return found


def _check_headers(
    name: str, operation: dict[str, Any], response: dict[str, Any], answer: httpx.Response
) -> None:
    documented = {header.lower() for header in response.get("headers", {})}
    special = {"etag", "location", "retry-after", "idempotent-replayed", "x-next-cursor"}
    extra = special & answer.headers.keys() - documented
    if extra:
        raise ContractError(f"{name} carries {extra}, which is not documented")
    always = {"x-request-id", "location", "etag"} & documented
    missing = always - answer.headers.keys()
    if missing:
        raise ContractError(f"{name} lacks {missing}")


def _check_body(name: str, schema: dict[str, Any], answer: httpx.Response) -> None:
    error = next(_validator(json.dumps(schema)).iter_errors(answer.json()), None)
    if error is not None:
        raise ContractError(f"{name}: {error.instance_path}: {error.message}")


@cache
def _validator(schema: str) -> jsonschema_rs.Draft202012Validator:
    whole = {**json.loads(schema), "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
