"""Where the address and the token come from, and where `login` keeps them.

The environment comes first (`CIBORIUM_URL`, `CIBORIUM_TOKEN`), then the file. A token of the file
goes only to the address that it was stored with.
"""

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .problems import Problem

URL_VARIABLE = "CIBORIUM_URL"
TOKEN_VARIABLE = "CIBORIUM_TOKEN"


@dataclass(frozen=True, slots=True)
class Credentials:
    """An address and what opens it."""

    url: str
    token: str = field(repr=False)


def credentials_path() -> Path:
    """The file, where the XDG Base Directory Specification wants it."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "ciborium" / "credentials.json"


def find_stored() -> Credentials | None:
    """What `login` has stored, or None.

    Raises:
        Problem: the file is there and unreadable.
    """
    path = credentials_path()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return Credentials(str(stored["url"]), str(stored["token"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        pass  # The cause may hold the token.
    raise Problem(f"{path} cannot be read. Run `ciborium login` to make it anew.")


def store(credentials: Credentials) -> Path:
    """Keep them in a file that only its owner may read.

    Raises:
        Problem: the file cannot be written.
    """
    path = credentials_path()
    text = json.dumps({"url": credentials.url, "token": credentials.token})
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # A file of its own, readable by nobody else from the beginning, takes the old one's place.
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except OSError as exc:
        raise Problem(f"{path} cannot be written: {exc.strerror}.") from None
    return path


def forget() -> bool:
    """Remove the file; whether there was one."""
    with suppress(FileNotFoundError):
        credentials_path().unlink()
        return True
    return False


def environment_token() -> str:
    """The token of the environment, or an empty text."""
    return os.environ.get(TOKEN_VARIABLE, "")
