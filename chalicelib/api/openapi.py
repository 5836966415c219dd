"""The API as an OpenAPI 3.1 document, made of the routes and the wire types.

Only the endpoint that serves it imports this, so that a cold start does without.
"""

import hashlib
import inspect
import json
import re
import sys
from functools import cache
from http import HTTPStatus
from typing import Any, cast

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import core_schema

from chalicelib.api import ROUTES
from chalicelib.api.contract import PAGE, Answer, Parameter, Wire
from chalicelib.api.cookies import session_cookie_name
from chalicelib.api.examples import read_examples
from chalicelib.api.routing import Route
from chalicelib.config import PublicURL
from chalicelib.sdk.errors import ErrorBody
from chalicelib.version import VERSION

Schema = dict[str, Any]
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_TEMPLATE = "#/components/schemas/{model}"
_EVERYWHERE = (415, 500, 503)
_TOLD_IDS = ("{server_id}", "{provider_id}", "{config_id}")
_REFUSALS = {
    400: "The request is malformed; `validations` names the fields.",
    401: "No credentials were sent, or they are unknown, expired or revoked.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not know that there is.",
    409: "The request contradicts the current state.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    429: "Too much at once; try again after the seconds that `Retry-After` says.",
    500: "Something went wrong on our side.",
    502: "Another server refused or answered nonsense.",
    503: "Something that the service depends on is out of reach; try again.",
    504: "Another server did not answer in time.",
}
_RETRYABLE = frozenset({409, 429, 503})
_KEPT = frozenset({400, 403, 404, 409})  # What an idempotency key may stand for.
_NUMBERED = frozenset({"message_id", "queued_id"})  # They count within their chat.
_TEXT: Schema = {"type": "string"}
_UUID: Schema = {"type": "string", "format": "uuid"}
_HEADERS: dict[str, Schema] = {
    "X-Request-Id": {"description": "To be told to whoever is asked for help.", "schema": _TEXT},
    "Retry-After": {
        "description": "After how many seconds it makes sense to try again.",
        "schema": {"type": "integer"},
    },
    "ETag": {"description": "The version, for `If-Match` or `If-None-Match`.", "schema": _TEXT},
    "Location": {"description": "Where to go on.", "schema": {**_TEXT, "format": "uri-reference"}},
    "Idempotent-Replayed": {
        "description": "`true` where an earlier request of the same key had this answer.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "X-Next-Cursor": {"description": "The cursor of the next page.", "schema": _TEXT},
}
_REQUEST_HEADERS: dict[str, Schema] = {
    "If-Match": {
        "description": "Do it only if the thing still has one of these versions; otherwise 409.",
        "schema": {**_TEXT, "examples": ['"3"']},
    },
    "Idempotency-Key": {
        "description": "Sent again under the same key, within 24 hours, it happens only once.",
        "schema": {**_TEXT, "pattern": "^[!-~]{1,255}$"},
    },
}


class _WireSchemas(GenerateJsonSchema):
    """As our replies are written: what is None is left out of them."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        if self.mode == "serialization":
            return self.generate_inner(schema["schema"])
        return super().nullable_schema(schema)

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        found = super().default_schema(schema)
        if found.get("default", 0) is None:
            del found["default"]
        return found

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 -- pydantic's
        return False  # It would say the name once more.


@cache
def render(public_url: PublicURL) -> tuple[str, str]:
    """The document as JSON, and its entity tag."""
    text = json.dumps(build_document(public_url), ensure_ascii=False, separators=(",", ":"))
    return text, f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def build_document(public_url: PublicURL) -> Schema:
    """The document for the deployment at a URL (OpenAPI 3.1.1)."""
    schemas, definitions = _generate_schemas()
    paths: dict[str, Schema] = {}
    for route in ROUTES:
        operation = _describe_operation(route, schemas)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    modules = dict.fromkeys(route.view.__module__ for route in ROUTES)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Ciborium",
            "version": VERSION,
            "summary": "A serverless backend for AI chats with governed MCP tools.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url.url("") or "/"}],
        "tags": [
            {"name": _tag(name), "description": inspect.cleandoc(sys.modules[name].__doc__ or "")}
            for name in modules
        ],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": {
                _component(status): _describe_refusal(status, schemas) for status in _REFUSALS
            },
            "headers": _HEADERS,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "header", "name": "Coder-Session-Token"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": session_cookie_name(public_url),
                    "description": "A signed-in browser's; it must say that it shows our pages.",
                },
            },
        },
    }


_Schemas = dict[tuple[Wire, JsonSchemaMode], JsonSchemaValue]


def _generate_schemas() -> tuple[_Schemas, dict[str, Schema]]:
    """A schema for each body of each route, and the definitions that these refer to."""
    wanted: dict[tuple[Wire, JsonSchemaMode], None] = {(ErrorBody, "serialization"): None}
    for route in ROUTES:
        if route.body:
            wanted[route.body(), "validation"] = None
        for answer in answers_of(route):
            if answer.body is not None and not isinstance(answer.body, str):
                wanted[answer.body, "serialization"] = None
    # A list or union of types is a type to TypeAdapter, and not quite one to mypy.
    inputs: list[tuple[Any, JsonSchemaMode, TypeAdapter[Any]]] = [
        (wire, mode, TypeAdapter(cast("type[Any]", wire))) for wire, mode in wanted
    ]
    schemas, common = TypeAdapter.json_schemas(
        inputs, ref_template=_TEMPLATE, schema_generator=_WireSchemas
    )
    return dict(schemas), common["$defs"]


def answers_of(route: Route) -> tuple[Answer, ...]:
    """How a route answers when all is well."""
    return (Answer(route.status, route.reply, route.headers), *route.also)


def refusals_of(route: Route) -> list[int]:
    """The statuses of a route's refusals, those of every route among them."""
    found = {*_EVERYWHERE, *route.errors}
    if not route.public:
        found |= {401, 403}
    # Of ids in paths, only these are told from those that do not exist.
    takes_malformed = route.body or route.query or route.creates or route.conditional
    if takes_malformed or route.images or any(each in route.path for each in _TOLD_IDS):
        found.add(400)
    if "{" in route.path:
        found.add(404)
    if route.creates or route.conditional:
        found.add(409)
    if route.body or route.creates or route.images:
        found.add(413)
    return sorted(found)


def _describe_operation(route: Route, schemas: _Schemas) -> Schema:
    summary, _, description = inspect.cleandoc(route.view.__doc__ or "").partition("\n\n")
    example = read_examples().get(route.view.__name__, {})
    operation: Schema = {
        "operationId": route.view.__name__,
        "tags": [_tag(route.view.__module__)],
        "summary": " ".join(summary.split()),
        "description": description,
        "security": [] if route.public else [{"bearer": []}, {"token": []}, {"session": []}],
        "parameters": _describe_parameters(route, example),
        "requestBody": _describe_body(route, schemas, example),
        "responses": _describe_responses(route, schemas, example),
    }
    return {name: each for name, each in operation.items() if each or name == "security"}


def _describe_parameters(route: Route, example: Schema) -> list[Schema]:
    found: list[Schema] = []
    for name in re.findall(r"{(\w+)}", route.path):
        takes_me = route.path.startswith("/api/v2/users/{user_id}") and name == "user_id"
        schema = {"anyOf": [_UUID, {"const": "me"}]} if takes_me else _UUID
        if name in _NUMBERED:
            schema = {"type": "integer", "minimum": 0}
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    found += [_describe_query(each) for each in route.query]
    headers = {"If-Match": route.conditional, "Idempotency-Key": route.creates}
    for name, is_heeded in headers.items():
        if is_heeded:
            found.append({"name": name, "in": "header", **_REQUEST_HEADERS[name]})
    examples = example.get("parameters", {})
    return [
        {**each, "example": examples[each["name"]]} if each["name"] in examples else each
        for each in found
    ]


def _describe_query(parameter: Parameter) -> Schema:
    described = {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": parameter.schema,
    }
    return {**described, "required": True} if parameter.is_required else described


def _describe_body(route: Route, schemas: _Schemas, example: Schema) -> Schema:
    if route.images:
        types = [name for name in route.content_types if name != _JSON]
        return {"required": True, "content": {name: {} for name in types}}
    if route.body is None:
        return {}
    body = route.body()
    schema = schemas[body, "validation"]
    types = [_JSON, *([_FORM] if route.form else [])]
    is_required = any(field.is_required() for field in body.model_fields.values())
    content: Schema = {name: {"schema": schema} for name in types}
    if "body" in example:
        content[_JSON]["example"] = example["body"]
    return {"required": is_required, "content": content}


def _describe_responses(route: Route, schemas: _Schemas, example: Schema) -> Schema:
    found: dict[str, Schema] = {}
    for answer in answers_of(route):
        names = [*answer.headers, *(["Idempotent-Replayed"] if route.creates else [])]
        response = found.setdefault(
            str(answer.status),
            {"description": HTTPStatus(answer.status).phrase, "headers": _refer_headers(*names)},
        )
        if isinstance(answer.body, str):
            response.setdefault("content", {})[answer.body] = {}
        elif answer.body is not None:
            schema = schemas[answer.body, "serialization"]
            content = response.setdefault("content", {}).setdefault(_JSON, {"schema": schema})
            if "answer" in example and answer.status == example["status"]:
                content["example"] = example["answer"]
    for status in refusals_of(route):
        is_kept = route.creates and status in _KEPT
        found[str(status)] = (
            _describe_refusal(status, schemas, is_page=route.browser, is_kept=is_kept)
            if route.browser or is_kept
            else {"$ref": f"#/components/responses/{_component(status)}"}
        )
    return found


def _describe_refusal(
    status: int, schemas: _Schemas, *, is_page: bool = False, is_kept: bool = False
) -> Schema:
    schema = schemas[ErrorBody, "serialization"]
    retry = ["Retry-After"] if status in _RETRYABLE else []
    replayed = ["Idempotent-Replayed"] if is_kept else []
    return {
        "description": _REFUSALS[status],
        "headers": _refer_headers(*retry, *replayed),
        "content": {_JSON: {"schema": schema}, **({PAGE: {}} if is_page else {})},
    }


def _refer_headers(*names: str) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("X-Request-Id", *names)}


def _component(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")


def _tag(module: str) -> str:
    return module.rpartition(".")[2].replace("_", "-")
