"""From pages to iterators."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
PAGE_SIZE = 100


def next_after_id(items: Sequence[T], page_size: int, get_id: Callable[[T], str]) -> str | None:
    """The `after_id` of the next page, or None if this one was not full."""
    return get_id(items[-1]) if len(items) == page_size else None


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
