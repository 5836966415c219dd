"""JSON as editors write it: with comments and commas before a closing bracket."""

import json
import re
from typing import Any

from .models import InterchangeError

# A string comes first, so that what looks like a comment inside of one stays.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|,(?=\s*[}\]])', re.DOTALL)


def parse_json_with_comments(text: str) -> Any:
    """A document, its comments ignored.

    Raises:
        InterchangeError: it is not JSON even so.
    """
    plain = _TOKEN.sub(lambda found: _keep_strings(found.group(), " "), text.lstrip("\ufeff"))
    plain = _COMMA.sub(lambda found: _keep_strings(found.group(), ""), plain)
    try:
        return json.loads(plain)
    except json.JSONDecodeError as exc:
        # The exception holds the whole document, and with it secrets.
        problem = f"It is not JSON: {exc.msg} in line {exc.lineno}, column {exc.colno}."
    except RecursionError:
        problem = "It is nested too deeply."
    raise InterchangeError(problem)


def _keep_strings(token: str, otherwise: str) -> str:
    return token if token.startswith('"') else otherwise
