"""How a part is made when it is first asked for."""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
_LOCK = threading.RLock()  # Parts ask for parts; whoever is first makes one for everybody.


class part(Generic[T]):  # noqa: N801 -- used like `property`
    """A property that is computed once, even if several threads ask at once.

    What is assigned to it before takes its place: so tests replace one part of the product.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = make.__name__
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, whole: None, owner: type) -> "part[T]": ...
    @overload
    def __get__(self, whole: object, owner: type) -> T: ...
    def __get__(self, whole: object | None, owner: type) -> "T | part[T]":
        if whole is None:
            return self
        with _LOCK:
            kept = whole.__dict__
            if self._name not in kept:  # Asked only until then: it hides this descriptor.
                kept[self._name] = self._make(whole)
            made: T = kept[self._name]
            return made
