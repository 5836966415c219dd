"""Garbage collection while a process starts.

What a process loads stays, so looking through it for garbage, again and again while it grows, finds
nothing and takes a twentieth of a cold start (https://docs.python.org/3/library/gc.html#gc.freeze).
"""

import gc


def begin() -> None:
    """Collect no garbage for now; to be called before anything large is imported."""
    gc.disable()


def end() -> None:
    """Collect garbage again, and never look for it among what has been loaded. May be repeated."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
