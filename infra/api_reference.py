"""`make api-reference`: docs/api-reference.md, made of the OpenAPI document."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalicelib.api.openapi import build_document
from chalicelib.config import PublicURL

TARGET = Path(__file__).resolve().parents[1] / "docs" / "api-reference.md"
_HEAD = """# API reference

Every endpoint and type, as `GET /api/v2/openapi.json` has them. `make api-reference` writes this
file; [api.md](api.md) explains how to use the API. What is marked with `?` may be absent. Every
endpoint may also answer 415 (the body is of another media type), 500 (a fault of ours) and 503
(something is out of reach; try again), and every refusal is an [`ErrorBody`](#errorbody).
"""
_EVERYWHERE = {"415", "500", "503"}
_LIMITS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "minProperties": "at least {} members",
    "maxProperties": "at most {} members",
    "pattern": "`{}`",
    "format": "{}",
}

Node = dict[str, Any]


def main() -> None:
    """Write the file."""
    TARGET.write_text(render(), encoding="utf-8")
    print(f"Wrote {TARGET.relative_to(TARGET.parents[1])}")


def render() -> str:
    """The whole file."""
    document = build_document(PublicURL("", ""))
    lines = [_HEAD]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", "", _one_line(tag["description"]), ""]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    lines += [*_describe_operation(method, path, operation), ""]
    lines += ["## Types", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += [*_describe_type(name, schema), ""]
    return "\n".join(lines).rstrip() + "\n"


def _describe_operation(method: str, path: str, operation: Node) -> Iterator[str]:
    yield f"### `{method.upper()} {path}`"
    yield ""
    yield _one_line(f"{operation['summary']} {operation.get('description', '')}")
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield f"| name | `{operation['operationId']}`{'' if operation['security'] else ', public'} |"
    for each in operation.get("parameters", []):
        text = _describe_schema(each["schema"])
        description = each.get("description", "")
        where = "" if each["in"] == "path" else "?"
        yield _row(f"{each['in']} `{each['name']}`{where}", f"{text}. {description}".strip(". "))
    if "requestBody" in operation:
        yield _row("body", _describe_content(operation["requestBody"]["content"]))
    refusals = []
    for status, response in operation["responses"].items():
        if status >= "400":
            refusals.append(status)
        else:
            headers = [f"`{name}`" for name in response["headers"] if name != "X-Request-Id"]
            carried = f"; {', '.join(headers)}" if headers else ""
            yield _row(status, _describe_content(response.get("content", {})) + carried)
    particular = ", ".join(each for each in refusals if each not in _EVERYWHERE)
    if particular:
        yield _row("refusals", particular)


def _describe_content(content: Node) -> str:
    found: dict[str, list[str]] = {}
    for media_type, each in content.items():
        found.setdefault(_describe_schema(each.get("schema", {})), []).append(media_type)
    parts = []
    for schema, types in found.items():
        named = ", ".join(f"`{each}`" for each in types)
        parts.append(schema if types == ["application/json"] else f"{schema} as {named}".lstrip())
    return "; ".join(parts).replace("anything as ", "") or "no body"


def _describe_type(name: str, schema: Node) -> Iterator[str]:
    yield f"### {name}"
    yield ""
    yield _one_line(schema.get("description", ""))
    if "properties" not in schema:
        yield ""
        yield _describe_schema(schema)
        return
    yield ""
    yield "| field | |"
    yield "|---|---|"
    required = set(schema.get("required", []))
    for field, each in schema["properties"].items():
        yield _row(f"`{field}`{'' if field in required else '?'}", _describe_schema(each))


def _describe_schema(schema: Node) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[`{name}`](#{name.lower()})" + _describe_default(schema)
    if "anyOf" in schema:
        text = " or ".join(_describe_schema(each) for each in schema["anyOf"])
        return text + _describe_default(schema)
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        text = ", ".join(f"`{each}`" if each else "the empty text" for each in schema["enum"])
        return text + _describe_default(schema)
    limits = [text.format(schema[name]) for name, text in _LIMITS.items() if name in schema]
    text = _describe_kind(schema) + (f" ({', '.join(limits)})" if limits else "")
    return text + _describe_default(schema)


def _describe_kind(schema: Node) -> str:
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {_describe_schema(schema.get('items', {}))}"
    members = schema.get("additionalProperties")
    if kind == "object" and isinstance(members, dict):
        return f"object of {_describe_schema(members)}"
    return kind


def _describe_default(schema: Node) -> str:
    default = schema.get("default")
    return "" if default in (None, "", [], {}) else f", `{_plain(default)}` when absent"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _row(name: str, text: str) -> str:
    return f"| {name} | {text.replace('|', chr(92) + '|')} |"


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
