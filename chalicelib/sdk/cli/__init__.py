"""`ciborium`, the command line program on the SDK."""

import sys


def main() -> None:
    """Run it; the packages that only it needs may be missing."""
    try:
        from .app import cli
    except ModuleNotFoundError as exc:
        if exc.name not in {"click", "rich"}:
            raise
        sys.exit("Error: the command line needs more packages: pip install 'ciborium-sdk[cli]'")
    cli.main(prog_name="ciborium")
