import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.primitives import (
    first_id_at,
    last_id_before,
    new_time_ordered_id,
    parse_number,
    time_of_id,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_time_ordered_id_is_a_uuid_of_version_7() -> None:
    """RFC 9562 section 5.7."""
    made = uuid.UUID(new_time_ordered_id(NOON))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert made.int >> 80 == NOON.timestamp() * 1000
    assert len({new_time_ordered_id(NOON) for _ in range(1000)}) == 1000


def test_ids_sort_as_their_times_do_to_the_microsecond() -> None:
    moments = [NOON + timedelta(microseconds=number) for number in range(2500)]
    ids = [new_time_ordered_id(moment) for moment in moments]
    assert ids == sorted(ids)


def test_the_bounds_of_a_moment_hold_its_ids_and_no_others() -> None:
    next_moment = NOON + timedelta(microseconds=1)
    first, last = first_id_at(NOON), last_id_before(first_id_at(next_moment))
    assert all(first <= new_time_ordered_id(NOON) <= last for _ in range(100))
    assert new_time_ordered_id(NOON - timedelta(microseconds=1)) < first
    assert new_time_ordered_id(next_moment) > last


def test_an_id_tells_its_millisecond_in_utc() -> None:
    local = NOON.astimezone(timezone(timedelta(hours=2)))
    assert time_of_id(new_time_ordered_id(local + timedelta(microseconds=999))) == NOON


def test_before_the_first_id_of_a_month_lies_the_month_before() -> None:
    month = datetime(2026, 12, 1, tzinfo=UTC)
    assert time_of_id(last_id_before(first_id_at(month))) < month


def test_any_moment_has_bounds() -> None:
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        bound = first_id_at(moment)
        assert last_id_before(bound) < bound


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("007", 7), ("720", 720), ("0", None), ("721", None), ("", None), ("-1", None)]
    + [(text, None) for text in ("\u00b2", "\u0663", "1.5", "1_0", " 1", "9" * 5000)],
)
def test_a_number_is_ascii_digits_within_its_bounds(text: str, number: int | None) -> None:
    assert parse_number(text, 1, 720) == number
