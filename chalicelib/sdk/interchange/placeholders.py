"""Placeholders such as `${input:token}`, `${env:TOKEN}`, `${TOKEN:-default}` and `{tenant}`.

They stand for values that the file's owner did not want in the file. Such a text is no value
itself, so it is filled in or reported, never stored. The environment of whoever imports is not
asked: a stranger's file could have any of its variables sent to the stranger's server.
"""

import re
from collections.abc import Mapping

_IN_CLIENT_FILES = re.compile(r"\$\{([^{}]+)\}")
_IN_REGISTRY = re.compile(r"\{([A-Za-z0-9_.-]+)\}")


class Filler:
    """Fills placeholders in and remembers those without a value."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._missing: list[str] = []

    @property
    def missing(self) -> tuple[str, ...]:
        """The placeholders that had no value, each once."""
        return tuple(dict.fromkeys(self._missing))

    def fill(self, text: str, more: Mapping[str, str] | None = None) -> str:
        """A text of a client's file; `more` are further values, such as the file's own."""
        return _IN_CLIENT_FILES.sub(lambda found: self._fill_one(found.group(1), more or {}), text)

    def fill_registry(self, text: str, defaults: Mapping[str, str]) -> str:
        """A text of a `server.json`, with the defaults of its variables."""
        return _IN_REGISTRY.sub(lambda found: self._value(found.group(1), defaults), text)

    def find(self, name: str) -> str | None:
        """The value of a placeholder, by its whole name or what follows its `input:` or `env:`."""
        value = self._values.get(name)
        return self._values.get(name.partition(":")[2] or name) if value is None else value

    def require(self, name: str) -> str:
        """The value of a placeholder, or an empty text and a note that it is missing."""
        return self._value(name, {})

    def _fill_one(self, inside: str, more: Mapping[str, str]) -> str:
        name, separator, default = inside.partition(":-")
        if separator and name not in more:
            more = {**more, name: default}
        return self._value(name, more)

    def _value(self, name: str, more: Mapping[str, str]) -> str:
        value = self.find(name)
        if value is None:
            value = more.get(name)
        if value is None:
            self._missing.append(name)
            return ""
        return value
