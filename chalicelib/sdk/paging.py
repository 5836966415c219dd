"""From pages to iterators."""

from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
PAGE_SIZE = 100


def iterate_pages(get_page: Callable[[str | None], tuple[list[T], str | None]]) -> Iterator[T]:
    """Everything on all pages.

    Args:
        get_page: from the cursor of a page (None for the first) to what is on it and the cursor of
            the next (None after the last).

    A cursor that comes back is the end, so that no server can keep us for ever.
    """
    cursor: str | None = None
    seen: set[str | None] = set()
    while cursor not in seen:
        seen.add(cursor)
        items, next_cursor = get_page(cursor)
        yield from items
        if next_cursor is None:
            return
        cursor = next_cursor
