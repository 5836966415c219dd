"""The commands of docs/operations.md, so that tests run what operators are told to run."""

import re
import shlex
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from infra.local.environments import ROOT

PAGE = ROOT / "docs" / "operations.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


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


def commands_in(section: str) -> list[str]:
    """The lines of a section's blocks of commands."""
    page = PAGE.read_text(encoding="utf-8")
    text = re.split(r"^## ", page.partition(f"\n## {section}\n")[2], flags=re.MULTILINE)[0]
    assert text, f"there is no section {section}"
    return [line for block in _BLOCK.findall(text) for line in block.splitlines() if line]


def make_commands_in(section: str) -> list[MakeCommand]:
    """A section's `make` commands."""
    found = []
    for line in commands_in(section):
        words = shlex.split(line)
        if words[0] == "make":
            pairs = (each.partition("=") for each in words[2:])
            variables = tuple((name, value) for name, _, value in pairs)
            found.append(MakeCommand(words[1], variables))
    return found
