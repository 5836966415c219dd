"""Compiles a folder's modules: `python -s -S -B bytecode.py FOLDER`, in a process of its own.

What `marshal` writes depends on which objects its process shares with others, so the same source
gives the same bytes only where nothing but this has run. The standard library only, therefore.
"""

import importlib.util
import marshal
import sys
from pathlib import Path

_TASK = "/var/task"  # Where Lambda has the code; tracebacks name it.


def compile_folder(folder: Path) -> None:
    """Put each module's bytecode beside it, which Python shall not compare with its source.

    That is an unchecked hash-based pyc (PEP 552): Lambda's files do not change, and their times
    say nothing.
    """
    for source in sorted(folder.rglob("*.py")):
        name = source.relative_to(folder).as_posix()
        content = source.read_bytes()
        code = compile(content, f"{_TASK}/{name}", "exec", dont_inherit=True, optimize=0)
        flags = (0b01).to_bytes(4, "little")  # Hash-based, unchecked.
        header = importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(content)
        target = source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(header + marshal.dumps(code))


if __name__ == "__main__":
    compile_folder(Path(sys.argv[1]))
