"""The first request of a fresh process: what it answered, and which modules it loaded."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).parents[2]
_SCRIPT = """
import gc, json, sys
import app
known, collects = set(sys.modules), gc.isenabled()
answer = app.app({event!r}, None)
after = sorted(sys.modules)
print(json.dumps([answer["statusCode"], sorted(known), after, collects, gc.isenabled()]))
"""


@dataclass(frozen=True)
class FirstRequest:
    """What became of it.

    Attributes:
        before: the modules that were loaded when the process was ready for it.
        after: those that were when it had answered.
        collected_before: whether garbage was collected until then.
        collects_after: and whether it is since.
    """

    status: int
    before: frozenset[str]
    after: frozenset[str]
    collected_before: bool
    collects_after: bool

    @property
    def packages(self) -> set[str]:
        """The top-level packages that were loaded in the end."""
        return {each.partition(".")[0] for each in self.after}


def make_first_request(
    path: str, variables: Mapping[str, str], parameters: Mapping[str, str], token: str
) -> FirstRequest:
    """Start a process as Lambda would, and GET something.

    Args:
        path: the route's.
        variables: of the environment, beyond what every process of a deployment has.
        parameters: for the path's variables.
        token: an API token.
    """
    event: dict[str, Any] = {
        "httpMethod": "GET",
        "headers": {"authorization": f"Bearer {token}"},
        "multiValueQueryStringParameters": None,
        "pathParameters": dict(parameters) or None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": "GET", "path": path},
        "body": None,
        "isBase64Encoded": False,
    }
    environment = {
        "PYTHONPATH": str(_ROOT),
        "AWS_LAMBDA_FUNCTION_NAME": "ciborium-test-api",
        "CIBORIUM_STAGE": "test",
        "CIBORIUM_PUBLIC_URL": "https://ciborium.example",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        **variables,
    }
    done = subprocess.run(
        [sys.executable, "-s", "-B", "-c", _SCRIPT.format(event=event)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    status, before, after, *collecting = json.loads(done.stdout.splitlines()[-1])
    return FirstRequest(status, frozenset(before), frozenset(after), *collecting)
