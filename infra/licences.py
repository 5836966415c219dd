"""Which licences what ships may have; whatever else turns up stops the build."""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution

# SPDX identifiers (https://spdx.org/licenses/). None of them asks anything of Ciborium's own code.
ALLOWED = frozenset({"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "MIT-0", "PSF-2.0"})
# Allowed for one distribution only, and why.
EXCEPTIONS = {
    "certifi": {"MPL-2.0"},  # Its file of certificates is passed on as it is.
}
# What those who do not write SPDX expressions mean.
_SPELLINGS = {
    "Apache License 2.0": "Apache-2.0",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",  # python-dateutil; see its LICENSE.
}
_OPERATORS = re.compile(r"\s+(?:OR|AND)\s+|[()]")


def licence_of(distribution: Distribution) -> str:
    """What a distribution says of its licence, as an SPDX expression; empty if nothing."""
    said = distribution.metadata
    found = said.get("License-Expression") or said.get("License") or ""
    return _SPELLINGS.get(found, found)


def list_refused(licences: Iterable[tuple[str, str]]) -> list[str]:
    """Which of some distributions, by name and licence, may not ship, and with what licence."""
    return [
        f"{name}: {licence or 'no licence'}"
        for name, licence in licences
        if not _is_allowed(name, licence)
    ]


def _is_allowed(name: str, licence: str) -> bool:
    """Every licence named must be allowed, also where there is a choice: that is the same to us."""
    named = {each for each in _OPERATORS.split(licence) if each}
    return bool(named) and named <= ALLOWED | EXCEPTIONS.get(name, set())
