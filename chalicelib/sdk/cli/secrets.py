"""Secrets come from standard input, a variable, a file or a prompt; never from the command line.

Arguments are seen by everybody on the machine, and stay in the shell's history.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import SecretStr

from .problems import Problem

F = TypeVar("F", bound=Callable[..., Any])


def secret_options(function: F) -> F:
    """Where a command's secrets come from, if not from a prompt."""
    function = click.option("--secret-file", metavar="PATH", help="Read the secret from a file.")(
        function
    )
    function = click.option(
        "--secret-env", metavar="VARIABLE", help="Read the secret from an environment variable."
    )(function)
    return click.option(
        "--secret-stdin",
        is_flag=True,
        help="Read secrets from standard input, one a line. Otherwise they are asked for.",
    )(function)


class SecretSource:
    """Gives a command its secrets, one after the other."""

    def __init__(self, *, stdin: bool, env: str | None, file: str | None) -> None:
        if stdin + (env is not None) + (file is not None) > 1:
            raise Problem("Give one of --secret-stdin, --secret-env and --secret-file.")
        self._stdin, self._env, self._file = stdin, env, file

    @property
    def is_given(self) -> bool:
        """Whether the command line says where a secret is."""
        return self._stdin or self._env is not None or self._file is not None

    def read(self, what: str) -> SecretStr:
        """The next secret.

        Raises:
            Problem: there is none.
        """
        if self._env is not None:
            return from_variable(self._env)
        if self._file is not None:
            return from_file(self._file)
        if self._stdin:
            line = sys.stdin.readline().rstrip("\r\n")
            if not line:
                raise Problem(f"Standard input has no line for {what}.")
            return SecretStr(line)
        return SecretStr(click.prompt(what, hide_input=True, err=True))


def from_variable(name: str) -> SecretStr:
    """The value of an environment variable.

    Raises:
        Problem: it is not set.
    """
    value = os.environ.get(name)
    if not value:
        raise Problem(f"The environment variable {name} is not set.")
    return SecretStr(value)


def from_file(path: str) -> SecretStr:
    """The content of a file, without the line break at its end.

    Raises:
        Problem: it cannot be read.
    """
    try:
        return SecretStr(Path(path).read_text(encoding="utf-8").rstrip("\r\n"))
    except (OSError, UnicodeDecodeError):
        raise Problem(f"The file {path} cannot be read.") from None


def read_headers(headers: Sequence[str], source: SecretSource) -> dict[str, SecretStr]:
    """Headers from `NAME`, `NAME=env:VARIABLE` and `NAME=file:PATH`; the first takes a secret.

    Raises:
        Problem: a value stands on the command line, or is missing.
    """
    found: dict[str, SecretStr] = {}
    for header in headers:
        name, given, where = header.partition("=")
        kind, _, place = where.partition(":")
        if ":" in name or (given and kind not in {"env", "file"}):
            raise Problem(
                "A header's value must not stand on the command line: give --header NAME, "
                "NAME=env:VARIABLE or NAME=file:PATH."
            )
        if not given:
            found[name] = source.read(f"Value of {name}")
        else:
            found[name] = from_variable(place) if kind == "env" else from_file(place)
    return found
