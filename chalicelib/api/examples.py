"""An example of each operation: a real request and its answer.

`tests/functional/test_api_examples.py` records them, and fails while this file's is out of date.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("examples.json")


@cache
def read_examples() -> dict[str, dict[str, Any]]:
    """Examples by operation: `parameters`, `body`, `status` and `answer`; any may be absent."""
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
