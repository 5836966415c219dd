"""The commands of docs/operations.md, so that tests run what operators are told to run."""

import re
import shlex
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from infra.local.environments import ROOT

PAGE = ROOT / "docs" / "operations.md"
# Their commands are run by tests/journey/test_deploying.py.
FIRST, UPGRADE, ROLL_BACK, DESTROY = "First deploy", "Upgrade", "Roll back", "Destroy"
DEPLOYING = (FIRST, UPGRADE, ROLL_BACK, DESTROY)


@dataclass(frozen=True)
class MakeCommand:
    """One `make` of the page, with its variables."""

    target: str
    variables: tuple[tuple[str, str], ...]

    def program(self) -> Any:
        """The module that the Makefile's target runs."""
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        found = re.search(
            rf"^{self.target}:.*\n\t@\$\(BIN\)/python -m (\S+)$", makefile, re.MULTILINE
        )
        assert found, f"the Makefile has no {self.target}"
        return import_module(found[1])


def sections() -> dict[str, list[str]]:
    """The commands of the page, by section; under the empty name what stands before the first."""
    found: dict[str, list[str]] = {"": []}
    section, is_shell = "", False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#") and not is_shell:
            section = line.lstrip("# ") if line.startswith("##") else ""
            found.setdefault(section, [])
        elif line.startswith("```"):
            is_shell = line == "```sh"
        elif is_shell and found[section] and found[section][-1].endswith("\\"):
            found[section][-1] = found[section][-1].removesuffix("\\") + line.strip()
        elif is_shell and line and not line.startswith("#"):
            found[section].append(line)
    return {name: commands for name, commands in found.items() if commands}


def make_commands_in(section: str) -> list[MakeCommand]:
    """A section's `make` commands."""
    found = []
    for line in sections()[section]:
        words = shlex.split(line)
        if words[0] == "make":
            pairs = (each.partition("=") for each in words[2:])
            variables = tuple((name, value) for name, _, value in pairs)
            found.append(MakeCommand(words[1], variables))
    return found
