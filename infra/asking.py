"""Asking the operator, or a variable in their place; never taking silence for a yes."""

import os
import sys

from infra.cloudformation import DeploymentError


def confirm(question: str, word: str, variable: str = "CONFIRM") -> bool:
    """Whether somebody agrees by typing a word, or has said it beforehand in a variable.

    Raises:
        DeploymentError: nobody is there to be asked.
    """
    given = os.environ.get(variable)
    if given:
        print(f"{question} [{variable}={given}]")
        return given == word
    if not sys.stdin.isatty():
        raise DeploymentError(f"nobody is here to confirm it. Say {variable}={word} beforehand.")
    return input(f"{question} Type {word}: ").strip() == word
