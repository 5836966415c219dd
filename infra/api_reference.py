"""`make api-docs`: docs/api.md, made of the OpenAPI document and of infra/api_guide.md.

The guide is the page's head and then, under the name of each tag, what precedes its operations.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from chalicelib.api.openapi import build_document
from chalicelib.config import PublicURL

TARGET = Path(__file__).resolve().parents[1] / "docs" / "api.md"
GUIDE = Path(__file__).with_name("api_guide.md")
_EVERYWHERE = {"415", "500", "503"}
_WIDTH = 100
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
    """The whole file.

    Raises:
        ValueError: the guide has a part for what is no tag.
    """
    document = build_document(PublicURL("", ""))
    head, *parts = re.split(r"^## ", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    guide = dict(part.split("\n", 1) for part in parts)
    lines = [head]
    for tag in document["tags"]:
        lines += [f"## {tag['name']}", "", _one_line(tag["description"]), ""]
        lines += [guide.pop(tag["name"], "").strip("\n"), ""]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    lines += [*_describe_operation(method, path, operation), ""]
                    lines += [*_show_example(method, path, operation), ""]
    if guide:
        raise ValueError(f"no tag is called {', '.join(guide)}")
    lines += ["## Types", ""]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += [*_describe_type(name, schema), ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


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


def _show_example(method: str, path: str, operation: Node) -> Iterator[str]:
    """The recorded request as a command for a shell, and its answer."""
    succeeded = [each for status, each in operation["responses"].items() if status < "300"]
    answers = [_find_example(each) for each in succeeded]
    body = _find_example(operation.get("requestBody", {}))
    parameters = operation.get("parameters", [])
    examples = {(each["in"], each["name"]): each.get("example") for each in parameters}
    has_parameters = any(each is not None for each in examples.values())
    if body is None and not has_parameters and not any(answers):
        return  # No example was recorded.
    query = {
        name: each if isinstance(each, str) else json.dumps(each)
        for (where, name), each in examples.items()
        if where == "query" and each is not None
    }
    place = re.sub(r"{(\w+)}", lambda found: _name_variable(found[1], examples), path)
    url = f"$CIBORIUM{place}" + (f"?{urlencode(query)}" if query else "")
    is_implied = method == "get" or (method == "post" and body is not None)
    command = "curl -s" if is_implied else f"curl -s -X {method.upper()}"
    parts = [f'{command} "{url}"']
    if operation["security"]:
        parts.append('-H "Authorization: Bearer $TOKEN"')
    if body is not None:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d {shlex.quote(json.dumps(body, ensure_ascii=False))}")
    yield from ("```sh", " \\\n    ".join(parts), "```")
    for answer in answers:
        if answer is not None:
            yield from ("", "```json", _lay_out(answer), "```")


def _find_example(message: Node) -> Any:
    return message.get("content", {}).get("application/json", {}).get("example")


def _name_variable(name: str, examples: dict[tuple[str, str], Any]) -> str:
    return "me" if examples.get(("path", name)) == "me" else f"${name.upper()}"


def _lay_out(value: Any, indent: str = "") -> str:
    """JSON with a line for each member that would make its line too long."""
    line = json.dumps(value, ensure_ascii=False)
    if len(indent + line) <= _WIDTH or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, list):
        parts, marks = [_lay_out(each, inner) for each in value], "[]"
    else:
        marks = "{}"
        parts = [f"{json.dumps(name)}: {_lay_out(each, inner)}" for name, each in value.items()]
    joined = f",\n{inner}".join(parts)
    return f"{marks[0]}\n{inner}{joined}\n{indent}{marks[1]}"


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
