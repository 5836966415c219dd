"""Sealing and opening secrets: ours next to the AWS Encryption SDK and Tink."""

import json
import subprocess
import sys

from infra.local import environments
from tests.bench.report import Section, section_from_json

COMPARED = tuple(
    ("bench", each)
    for each in ("aws-encryption-sdk", "aws-cryptographic-material-providers", "tink")
)


def measure(runs: int = 100) -> Section:
    """Let the contestants' environment measure, since it has what this one has not."""
    environments.ensure("bench")
    python = str(environments.python_of("bench"))
    command = [python, "-m", "tests.bench.encryption_contest", str(runs)]
    done = subprocess.run(
        command, cwd=environments.ROOT, check=True, stdout=subprocess.PIPE, stderr=sys.stderr
    )
    return section_from_json(json.loads(done.stdout))
