"""Ids: what they are made of, and their order."""

import time
import uuid

from server.ids import AT_ONCE, id_at, id_from, is_id, new_id

DIGITS = "0123456789abcdefghijklmnopqrstuv"


def as_uuid(id: str) -> uuid.UUID:
    number = 0
    for character in id:
        number = number << 5 | DIGITS.index(character)
    return uuid.UUID(int=number)


def test_an_id_is_a_uuid_of_version_7() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(5 * AT_ONCE)]
    after = time.time_ns() // 1_000_000

    assert len(set(ids)) == len(ids)
    for each in ids:
        assert is_id(each)
        made = as_uuid(each)
        assert (made.version, made.variant) == (7, uuid.RFC_4122)
        assert before <= made.int >> 80 <= after


def test_every_other_bit_of_an_id_is_random() -> None:
    tails = [as_uuid(new_id()).int & ((1 << 80) - 1) for _ in range(50 * AT_ONCE)]
    fixed = 0xF << 76 | 0b11 << 62

    for bit in range(80):
        share = sum(tail >> bit & 1 for tail in tails) / len(tails)
        assert share in (0, 1) if fixed >> bit & 1 else 0.4 < share < 0.6, bit


def test_ids_sort_by_their_time() -> None:
    ids = [id_at(millis) for millis in (0, 1, 31, 32, 1_700_000_000_000, 1_700_000_000_001)]

    assert ids == sorted(ids)


def test_the_id_of_a_cause_is_always_the_same() -> None:
    assert id_from(5, "a") == id_from(5, "a")
    assert len({id_from(5, "a"), id_from(5, "b"), id_from(6, "a")}) == 3
    assert as_uuid(id_from(5, "a")).version == 7
