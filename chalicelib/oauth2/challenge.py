"""`WWW-Authenticate`, read by its grammar (RFC 9110 section 11.6.1).

A regular expression searched for anywhere in the header would also find what a server quotes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"  # noqa: S105 - a grammar rule's name.
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
# The header is a list of elements between commas, some of which lie inside quotes. An element
# either begins a challenge or carries on the one before it.
_ELEMENT = re.compile(rf'(?:[^",]|{_QUOTED})*+(?:,|\Z)', re.DOTALL)
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*=[ \t]*({_TOKEN}|{_QUOTED})", re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+(.*))?", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a server offers; scheme and names are in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header_values: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges of all `WWW-Authenticate` lines of an answer, in their order.

    Of a malformed line, what comes before the fault counts.
    """
    return tuple(challenge for value in header_values for challenge in _parse_line(value))


def find_bearer_challenge(header_values: Iterable[str]) -> Challenge | None:
    """The Bearer challenge (RFC 6750 section 3), ideally one that names a resource's metadata."""
    bearer = [each for each in parse_challenges(header_values) if each.scheme == "bearer"]
    informed = (each for each in bearer if "resource_metadata" in each.parameters)
    return next(informed, bearer[0] if bearer else None)


def _parse_line(line: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    for element in _split(line):
        parameter = _PARAMETER.fullmatch(element)
        if parameter is None:
            scheme = _SCHEME.fullmatch(element)
            if scheme is None:
                break
            found.append((scheme[1].lower(), {}))
            # Anything else after a scheme is a token68, which no scheme of ours uses.
            parameter = _PARAMETER.fullmatch(scheme[2] or "")
        if parameter is not None:
            if not found:
                break
            found[-1][1].setdefault(parameter[1].lower(), _unquote(parameter[2]))
    return [Challenge(scheme, parameters) for scheme, parameters in found]


def _split(line: str) -> list[str]:
    """The elements of the list, without empty ones, up to an unclosed quote."""
    elements, position = [], 0
    while position < len(line):
        match = _ELEMENT.match(line, position)
        if match is None:
            break
        elements.append(match[0].removesuffix(",").strip(" \t"))
        position = match.end()
    return [element for element in elements if element]


def _unquote(value: str) -> str:
    return _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
